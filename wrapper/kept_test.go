package wrapper_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// A moody store does not take results while it is away.
type moody struct {
	store.Store
	away *atomic.Bool
}

func (m moody) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if m.away.Load() && !strings.Contains(key, ".gp_metadata/") {
		return store.Object{}, store.ErrUnreachable
	}
	return m.Store.Put(ctx, key, b, o)
}

// moodyDeps are the rig's, with a store that may be away.
func (s *rig) moodyDeps() (wrapper.Deps, *atomic.Bool) {
	d, away := s.deps(), &atomic.Bool{}
	open := d.Open
	d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
		st, prefix, err := open(ctx, url)
		return moody{st, away}, prefix, err
	}
	d.Reopen = func(map[string]string) (wrapper.Opener, error) { return d.Open, nil }
	return d, away
}

// unsent runs a job whose results the store does not take, and gives where they are kept.
func (s *rig) unsent(d wrapper.Deps, away *atomic.Bool, code int, more ...string) (place string) {
	s.t.Helper()
	s.put("users/ann/secret.txt", "private input")
	s.put("jobs/1/old.txt", "an input beside the results")
	s.exec("cd /jobs/1; echo one >r.txt; mkdir -p sub/empty; echo two >'sub/b c.txt'; chmod 750 sub/*.txt; ln -s r.txt link; mkfifo pipe", "cp /users/ann/secret.txt copy.txt", "exit "+string(rune('0'+code)))
	away.Store(true)
	out := wrapper.Run(s.t.Context(), s.t.Context(), s.job(testenv.ModuleImage(s.t), append([]string{"input", "/users/ann", "user-id", "ann"}, more...)...), d)
	away.Store(false)
	want := cause.StageOut
	if code != 0 {
		want = cause.None
	}
	if code == 0 {
		code = 73
	}
	r := s.ended(out, code, want)
	names, err := node.Kept(s.local)
	if err != nil || len(names) != 1 {
		s.t.Fatalf("kept: %q, %v", names, err)
	}
	place = filepath.Join(s.local, ".ferry", "kept", names[0])
	if r.Kept != place || !strings.Contains(s.log.String(), place) || !strings.Contains(s.meta("stderr.txt")+strings.Join(r.Warnings, "\n"), place) {
		s.t.Errorf("the record says %q; stderr.txt: %q", r.Kept, s.meta("stderr.txt"))
	}
	if s.get("jobs/1/r.txt") != "" {
		s.t.Fatal("the store took the results")
	}
	_ = filepath.WalkDir(s.local, func(p string, e os.DirEntry, err error) error {
		if err == nil && (e.Name() == "secret.txt" || e.Name() == "old.txt") {
			s.t.Errorf("an input is left on the node: %s", p)
		}
		return err
	})
	return place
}

// nothingAtAll checks that no results are kept either.
func (s *rig) nothingAtAll() {
	s.t.Helper()
	if left, err := os.ReadDir(s.local); err == nil && len(left) > 0 {
		s.t.Errorf("left on disk: %v", left)
	}
}

func (s *rig) resume(d wrapper.Deps) []wrapper.Resumed {
	s.t.Helper()
	all, err := wrapper.Resume(s.t.Context(), s.local, d.Reopen, d.Transfer, zerolog.New(s.logger))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := node.EmptyTrash(s.t.Context(), s.local); err != nil {
		s.t.Error(err)
	}
	return all
}

// What the store did not take is kept, sent later, and the job is then what it would have been.
func TestKeptResults(t *testing.T) {
	for name, code := range map[string]int{"of a success": 0, "of a failure": 3} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			d, away := s.moodyDeps()
			s.unsent(d, away, code)
			away.Store(true)
			if all := s.resume(d); len(all) != 1 || all[0].Sent {
				t.Fatalf("while the store is away: %+v", all)
			}
			away.Store(false)
			if _, err := node.KeepRecord(s.local, "t1", 1, []byte("{}")); err != nil { // as where the store was wholly gone
				t.Fatal(err)
			}
			if all := s.resume(d); len(all) != 1 || !all[0].Sent || all[0].Job != "t1" {
				t.Fatalf("%+v", all)
			}
			r := s.ended(wrapper.Outcome{Code: code}, code, cause.None)
			if r.Kept != "" || r.Resumed == nil || strings.Join(r.NotStored, " ") != "/jobs/1/pipe" {
				t.Errorf("kept %q, resumed %v, not stored %q", r.Kept, r.Resumed, r.NotStored)
			}
			for key, want := range map[string]string{"r.txt": "one\n", "sub/b c.txt": "two\n", "link": "one\n", "copy.txt": "private input"} {
				if got := s.get("jobs/1/" + key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			s.nothingAtAll()
			if all := s.resume(d); len(all) != 0 {
				t.Errorf("again: %+v", all)
			}
		})
	}
}

// The next ferry on the node sends them by itself.
func TestKeptResultsAreSentByTheNext(t *testing.T) {
	s := newRig(t)
	d, away := s.moodyDeps()
	s.unsent(d, away, 0)
	next := &rig{t: t, store: t.TempDir(), local: s.local, engine: s.engine}
	next.logger = zerolog.SyncWriter(&next.log)
	next.exec("true")
	j := next.job(testenv.ModuleImage(t))
	j.Identity.ID = "next"
	if out := wrapper.Run(t.Context(), t.Context(), j, d); out.Code != 0 {
		t.Errorf("the next: %+v", out)
	}
	s.ended(wrapper.Outcome{}, 0, cause.None)
	if got := s.get("jobs/1/r.txt"); got != "one\n" {
		t.Errorf("the result is %q", got)
	}
	s.nothingAtAll()
}

// Results of an older attempt never replace what a newer one says.
func TestKeptResultsOfAnOlderAttempt(t *testing.T) {
	s := newRig(t)
	d, away := s.moodyDeps()
	d.Reopen = nil // the second attempt is on this node, and does not send them
	s.unsent(d, away, 0)
	second, _ := s.moodyDeps()
	s.exec("echo second >/jobs/1/r.txt; exit 4")
	second.Reopen = nil
	s.ended(wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "attempt", "2"), second), 4, cause.None)
	second, _ = s.moodyDeps()
	if all := s.resume(second); len(all) != 1 || all[0].Sent || !strings.Contains(all[0].Why, "newer attempt") {
		t.Errorf("%+v", all)
	}
	if r := s.record(); r.Attempt != 2 || r.ExitCode != 4 || s.get("jobs/1/r.txt") != "second\n" {
		t.Errorf("the store has attempt %d, code %d, result %q", r.Attempt, r.ExitCode, s.get("jobs/1/r.txt"))
	}
	// Once a newer attempt has succeeded, nobody needs them.
	s.exec("echo third >/jobs/1/r.txt")
	if out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "attempt", "3"), second); out.Code != 0 {
		t.Fatalf("%+v", out)
	}
	s.resume(second)
	if got := s.get("jobs/1/r.txt"); got != "third\n" {
		t.Errorf("the result is %q", got)
	}
	s.nothingAtAll()
}

// A tree that is not what was kept does not become a success: one that a crash has cut, and one that was not finished.
func TestKeptResultsCutShort(t *testing.T) {
	s := newRig(t)
	d, away := s.moodyDeps()
	place := s.unsent(d, away, 0)
	var cut string
	_ = filepath.WalkDir(place, func(p string, e os.DirEntry, err error) error {
		if err == nil && e.Name() == "r.txt" {
			cut = p
		}
		return err
	})
	if err := os.Truncate(cut, 1); err != nil {
		t.Fatal(err)
	}
	if all := s.resume(d); len(all) != 1 || all[0].Sent {
		t.Errorf("%+v", all)
	}
	if r := s.record(); r.ExitCode != 73 || s.get("jobs/1/r.txt") != "" {
		t.Errorf("the store says %d, result %q", r.ExitCode, s.get("jobs/1/r.txt"))
	}
	if err := os.Rename(place, place+".part"); err != nil {
		t.Fatal(err)
	}
	if all := s.resume(d); len(all) != 0 {
		t.Errorf("of one that is not whole: %+v", all)
	}
	s.nothingAtAll()
}

// What is too large for --max-output stays refused, and the job a failure, when the rest is sent.
func TestKeptResultsTooLarge(t *testing.T) {
	s := newRig(t)
	d, away := s.moodyDeps()
	s.exec("echo small >r.txt; head -c 2000000 /dev/zero >large")
	away.Store(true)
	if out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "max-output", "1m"), d); out.Code != 73 {
		t.Fatalf("%+v", out)
	}
	away.Store(false)
	if all := s.resume(d); len(all) != 1 || !all[0].Sent {
		t.Errorf("%+v", all)
	}
	r := s.ended(wrapper.Outcome{Code: 73, Cause: cause.StageOut}, 73, cause.StageOut)
	if s.get("jobs/1/r.txt") != "small\n" || s.get("jobs/1/large") != "" || strings.Join(r.NotStored, " ") != "/jobs/1/large" {
		t.Errorf("not stored: %q", r.NotStored)
	}
	s.nothingAtAll()
}

// A folder of results that another user made is not sent with this user's rights.
func TestKeptResultsOfAnother(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "root's rights to give a folder away")
	s := newRig(t)
	d, away := s.moodyDeps()
	place := s.unsent(d, away, 0)
	for _, p := range []string{place + "/kept.json", filepath.Dir(place), filepath.Join(s.local, ".ferry")} {
		if err := os.Chown(p, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		all, err := wrapper.Resume(t.Context(), s.local, d.Reopen, d.Transfer, zerolog.New(s.logger))
		if err == nil && (len(all) != 1 || all[0].Sent) {
			t.Errorf("%s belongs to another: %+v", p, all)
		}
		if err := os.Chown(p, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	fifo := place + "/kept.json"
	data, err := os.ReadFile(fifo)
	if err != nil || !json.Valid(data) {
		t.Fatal(err)
	}
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if all := s.resume(d); len(all) != 1 || all[0].Sent {
		t.Errorf("a pipe: %+v", all)
	}
	if r := s.record(); r.ExitCode != 73 || r.State != record.StateDone {
		t.Errorf("the store says %d", r.ExitCode)
	}
}
