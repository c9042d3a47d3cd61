package wrapper_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// bugIn makes a step of the ending panic.
func bugIn(step string) func(string) {
	return func(s string) {
		if s == step {
			panic("a bug in " + step)
		}
	}
}

// runWithBug runs a job whose ending panics in one step.
func (s *rig) runWithBug(step string) wrapper.Outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	return wrapper.Run(ctx, ctx, s.job(testenv.ModuleImage(s.t)), s.deps().Before(bugIn(step)))
}

// A bug in any step of the ending ends no job in silence: before the store was told, a success becomes a failure there and
// in the process's code alike; afterwards it stays what was told. Every other step takes place all the same.
func TestPanicInTheEnding(t *testing.T) {
	steps := wrapper.Steps()
	if len(steps) < 10 {
		t.Fatalf("only %d steps: %q", len(steps), steps)
	}
	wasTold := false
	for _, step := range steps {
		told := wasTold
		wasTold = wasTold || step == "tell"
		t.Run(step, func(t *testing.T) {
			s := newRig(t)
			s.exec("echo result > r.txt")
			out := s.runWithBug(step)
			want, why := 70, cause.Internal
			if told {
				want, why = 0, cause.None
			}
			if out.Code != want || out.Cause != why {
				t.Errorf("ended with %d %q (%v), want %d %q", out.Code, out.Cause, out.Err, want, why)
			}
			if !told && !strings.Contains(out.Err.Error(), "a bug in "+step) {
				t.Errorf("error %v", out.Err)
			}
			var file struct {
				Code int `json:"exit_code"`
			}
			if err := json.Unmarshal([]byte(s.meta("exit_code.txt")), &file); err != nil || file.Code != want {
				t.Errorf("exit_code.txt is %q (%v)", s.meta("exit_code.txt"), err)
			}
			if step != "stage out" && s.get("jobs/1/r.txt") != "result\n" {
				t.Error("the result is not in the store")
			}
			s.checkRecord(step, want)
			s.checkLeft(step)
		})
	}
}

// checkRecord checks run.json after a bug in a step.
func (s *rig) checkRecord(step string, code int) {
	s.t.Helper()
	var r record.Record
	if err := json.Unmarshal([]byte(s.meta("run.json")), &r); err != nil {
		s.t.Fatalf("run.json: %v", err)
	}
	if r.ExitCode != code {
		s.t.Errorf("run.json says %d (%s)", r.ExitCode, r.Error)
	}
	kept, err := node.Unsent(s.local)
	if err != nil {
		s.t.Fatal(err)
	}
	if step != "tell again" {
		if r.State != record.StateDone || len(kept) != 0 {
			s.t.Errorf("run.json says %q; kept on the node: %q", r.State, kept)
		}
		return
	}
	// The store was not told that the job has ended, so the node keeps it.
	if len(kept) != 1 {
		s.t.Fatalf("kept on the node: %q", kept)
	}
	if err := os.RemoveAll(filepath.Dir(kept[0])); err != nil {
		s.t.Fatal(err)
	}
}

// checkLeft checks what is on the node after a bug in a step: what only that step removes, for the next ferry to find.
func (s *rig) checkLeft(step string) {
	s.t.Helper()
	found, err := node.Orphans(s.t.Context(), s.engine, s.local, true)
	if err != nil {
		s.t.Fatal(err)
	}
	if step == "leave" { // this process still holds the job's lock
		if _, err := os.Stat(filepath.Join(s.local, "t1.1")); err != nil {
			s.t.Error("nothing is left of what the step removes")
		}
		return
	}
	if removes := step == "begin removal"; removes != (len(found) == 1) {
		s.t.Errorf("left: %v", found)
	}
	if err := node.EmptyTrash(s.t.Context(), s.local); err != nil {
		s.t.Error(err)
	}
	s.nothingLeft()
}

// A bug while a job is refused is told by the process at least.
func TestPanicInTheRefusal(t *testing.T) {
	s := newRig(t)
	if err := os.WriteFile(s.local, nil, 0o644); err != nil { // no directory can be made there
		t.Fatal(err)
	}
	out := s.runWithBug("refuse")
	if out.Code != 70 || out.Cause != cause.Internal || !strings.Contains(out.Err.Error(), "a bug in refuse") {
		t.Errorf("%+v", out)
	}
}

// The module's own failure stays the outcome whatever else fails.
func TestPanicAfterAModuleThatFailed(t *testing.T) {
	s := newRig(t)
	s.exec("echo result > r.txt; exit 3")
	out := s.runWithBug("stage out")
	r := s.ended(out, 3, cause.None)
	s.nothingLeft()
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "a bug in stage out") {
		t.Errorf("warnings %q", r.Warnings)
	}
}
