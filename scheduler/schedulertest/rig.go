package schedulertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
)

// A Rig is a scheduler to test. Its tasks run a stand-in for ferry: see Act.
type Rig struct {
	// Scheduler is the one under test.
	Scheduler scheduler.Scheduler
	// Silent is one of the same kind that does not answer; nil where the kind asks nobody.
	Silent scheduler.Scheduler
	// Dir is a directory that the tasks' processes see too. A task's handle is file://DIR/WHAT.
	Dir string
	// Codes says that the scheduler knows the exit codes of processes.
	Codes bool
	// Places says that a child is told its place among the children, and not its index, unless it is alone.
	Places bool
	// Busy submits tasks until the next has to wait, and gives a function that ends them; nil where a single task never waits.
	Busy func(t *testing.T) (done func())
	// Patience bounds each wait.
	Patience time.Duration
}

// Run tests the scheduler.
func Run(t *testing.T, r Rig) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Rig)
	}{
		{"ends", ends},
		{"unknown", unknown},
		{"cancel running", cancelRunning},
		{"cancel waiting", cancelWaiting},
		{"cancel ended", cancelEnded},
		{"array", array},
		{"some children", someChildren},
		{"cancel array", cancelArray},
		{"log", log},
		{"silent", silent},
		{"wait", waiter},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, r) })
	}
}

// task makes a task that does what Act does for what.
func (r Rig) task(what string) scheduler.Task {
	return scheduler.Task{Name: submit.NewName(), Title: "a test's", Handle: "file://" + filepath.Join(r.Dir, what), Dir: r.Dir,
		Needs: scheduler.Needs{Walltime: 10 * time.Minute, Grace: 10 * time.Second, CPUs: 1, Memory: 64 << 20}}
}

func (r Rig) submit(t *testing.T, task scheduler.Task) string {
	t.Helper()
	id, err := r.Scheduler.Submit(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Scheduler.Cancel(context.Background(), id) })
	return id
}

// until looks until a report is as wanted.
func (r Rig) until(t *testing.T, id string, children []int, what string, ok func(scheduler.Report) bool) scheduler.Report {
	t.Helper()
	var last scheduler.Report
	for end := time.Now().Add(r.Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		rep, err := r.Scheduler.Look(t.Context(), id, children)
		if err != nil {
			t.Fatalf("looking: %v", err)
		}
		if last = rep; ok(rep) {
			return rep
		}
	}
	t.Fatalf("it is never %s; at last %+v", what, last)
	return last
}

func ended(r scheduler.Report) bool { return r.Phase.Ended() }

func running(r scheduler.Report) bool { return r.Phase == scheduler.Running }

// there waits for a file that a task's process writes.
func (r Rig) there(t *testing.T, name string) {
	t.Helper()
	for end := time.Now().Add(r.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(r.Dir, name)); err == nil {
			return
		}
	}
	t.Fatalf("no process has written %s", name)
}

// isUnknown checks the error for a task that is not there.
func isUnknown(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, scheduler.ErrUnknown) {
		t.Errorf("%s: %v, want that it is unknown", what, err)
	}
}
