package wrapper_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/record"
)

// looker looks at the store while a job is staged in.
type looker func()

func (l looker) StageIn(context.Context, wrapper.Workspace) (ferrysync.Stats, error) {
	l()
	return ferrysync.Stats{}, nil
}

// keeps is a store that lets nobody delete.
type keeps struct{ store.Store }

func (keeps) Delete(context.Context, []string) error { return store.ErrDenied }

// From its beginning an attempt is what the store tells of the job: an older one's success is not there to be read.
func TestOlderOutcome(t *testing.T) {
	for name, deletes := range map[string]bool{"deletes": true, "keeps": false} {
		t.Run(name, func(t *testing.T) { olderOutcome(newRig(t), deletes) })
	}
}

func olderOutcome(s *rig, deletes bool) {
	t := s.t
	s.exec("echo one >r.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 0, cause.None)
	s.exec("exit 5")
	looked := false
	s.stager = looker(func() {
		looked = true
		if run := s.meta("run.json"); !strings.Contains(run, `"attempt": 2`) || !strings.Contains(run, `"state": "running"`) {
			t.Errorf("the record while the second attempt begins: %s", run)
		}
		code, found := record.ParseExitCode([]byte(s.meta("exit_code.txt")))
		if found {
			t.Errorf("there is an exit code: %d", code)
		}
		if aside := s.meta("exit_code.txt.attempt-1"); !strings.Contains(aside, `"exit_code": 0`) {
			t.Errorf("the older exit code is %q", aside)
		}
	})
	d := s.deps()
	if !deletes {
		open := d.Open
		d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
			st, prefix, err := open(ctx, url)
			return keeps{st}, prefix, err
		}
	}
	s.ended(wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "attempt", "2"), d), 5, cause.None)
	if !looked {
		t.Error("nobody looked")
	}
}

// An attempt that still runs on another node when a newer one has begun leaves the store to that one.
func TestNewerAttemptElsewhere(t *testing.T) {
	s := newRig(t)
	end := s.begin()
	s.exec("echo second >r.txt")
	first := s.local
	s.local = filepath.Join(t.TempDir(), "other-node")
	s.ended(s.run(s.job(testenv.ModuleImage(t), "attempt", "2")), 0, cause.None)
	s.local = first
	out := end()
	if out.Cause != cause.Interrupted {
		t.Errorf("the first attempt ended with %+v", out)
	}
	s.nothingLeft()
	if r := s.record(); r.Attempt != 2 || r.ExitCode != 0 || r.Cause != cause.None {
		t.Errorf("the store's record is of attempt %d, code %d", r.Attempt, r.ExitCode)
	}
	if code, ok := record.ParseExitCode([]byte(s.meta("exit_code.txt"))); !ok || code != 0 || s.get("jobs/1/r.txt") != "second\n" {
		t.Errorf("the store has exit code %q, result %q", s.meta("exit_code.txt"), s.get("jobs/1/r.txt"))
	}
	// One that begins late is not begun at all.
	s.exec("echo late >r.txt")
	if out := s.run(s.job(testenv.ModuleImage(t))); out.Code != 75 || !strings.Contains(out.Err.Error(), "newer attempt") {
		t.Errorf("the late one ended with %+v", out)
	}
	// Neither does one say so that cannot be described.
	j := s.job(testenv.ModuleImage(t))
	wrapper.Refuse(t.Context(), j, cause.Fail(cause.Usage, "", "a mistake"), s.deps())
	if r := s.record(); r.Attempt != 2 || r.ExitCode != 0 || s.get("jobs/1/r.txt") != "second\n" {
		t.Errorf("the late one overwrote the record (attempt %d) or the result %q", r.Attempt, s.get("jobs/1/r.txt"))
	}
	if left, err := os.ReadDir(filepath.Join(s.local, ".ferry")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("kept on the node: %v, %v", left, err)
	}
}

// A second run of the same attempt counts, whatever the first said.
func TestSameAttemptAgain(t *testing.T) {
	s := newRig(t)
	for _, code := range []int{0, 4, 0} {
		s.exec("exit " + string(rune('0'+code)))
		s.ended(s.run(s.job(testenv.ModuleImage(t))), code, cause.None)
	}
}
