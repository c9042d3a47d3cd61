package wrapper_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
)

// begin starts a job whose module runs on until end is called, which gives the job's outcome.
func (s *rig) begin(more ...string) (end func() wrapper.Outcome) {
	s.t.Helper()
	s.put("jobs/1/.gp_metadata/exec.sh", "echo begun; echo partial >r.txt; trap 'exit 3' TERM; sleep 100 & wait\n")
	begun := &started{c: make(chan struct{})}
	d := s.deps()
	d.Stdout = begun
	work, stop := context.WithCancelCause(s.t.Context())
	ended := make(chan wrapper.Outcome, 1)
	j := s.job(testenv.ModuleImage(s.t), more...)
	go func() { ended <- wrapper.Run(work, s.t.Context(), j, d) }()
	select {
	case <-begun.c:
	case out := <-ended:
		s.t.Fatalf("ended early: %+v", out)
	}
	return func() wrapper.Outcome {
		stop(nil)
		return <-ended
	}
}

// other is another ferry on the node, with another job, which removes what dead ones left.
func (s *rig) other(more ...string) {
	s.t.Helper()
	o := &rig{t: s.t, store: s.t.TempDir(), local: s.local, engine: s.engine}
	o.logger = zerolog.SyncWriter(&o.log)
	o.exec("true")
	j := o.job(testenv.ModuleImage(s.t), more...)
	j.Identity.ID = "other"
	if out := wrapper.Run(s.t.Context(), s.t.Context(), j, o.deps()); out.Code != 0 {
		s.t.Errorf("another ferry on the node: %+v", out)
	}
}

// A cleaner of temporary files removes a living ferry's lock: its job goes on, and no second ferry takes it over.
func TestLostLock(t *testing.T) {
	for _, place := range []string{"mount", "copy"} {
		t.Run(place, func(t *testing.T) {
			s := newRig(t)
			end := s.begin("stage", place)
			if err := os.RemoveAll(filepath.Join(s.local, ".ferry")); err != nil {
				t.Fatal(err)
			}
			s.other("stage", place)
			again := s.deps()
			if out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "stage", place, "attempt", "2"), again); out.Cause != cause.Refused || !errors.Is(out.Err, node.ErrRunning) {
				t.Errorf("a second ferry with the same job: %+v", out)
			}
			if out := end(); out.Cause != cause.Interrupted {
				t.Errorf("the job ended with %+v", out)
			}
			if got := s.get("jobs/1/r.txt"); got != "partial\n" {
				t.Errorf("results: %q", got)
			}
			s.nothingLeft()
		})
	}
}

// Two ferries in containers of their own may have the same local prefix by name, and not in fact. With --stage copy nothing else
// tells them apart.
func TestOrphansOfAnotherPrefix(t *testing.T) {
	s := newRig(t)
	end := s.begin("stage", "copy")
	if err := os.Rename(s.local, s.local+".first"); err != nil {
		t.Fatal(err)
	}
	s.other("stage", "copy")
	if left, err := os.ReadDir(s.local); err == nil && len(left) > 0 {
		t.Errorf("the second left %v", left)
	}
	_ = os.Remove(s.local)
	if err := os.Rename(s.local+".first", s.local); err != nil {
		t.Fatal(err)
	}
	if out := end(); out.Cause != cause.Interrupted || s.get("jobs/1/r.txt") != "partial\n" {
		t.Errorf("the first ended with %+v", out)
	}
	s.nothingLeft()
}

// What a dead ferry left is removed, though its lock was lost, and on an engine that does not know this node.
func TestOrphansOfALostLock(t *testing.T) {
	s := newRig(t)
	cmd := exec.Command("sleep", "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	by := node.Me(nil)
	by.PID = cmd.Process.Pid
	dir := filepath.Join(s.local, "dead.3")
	if err := os.MkdirAll(filepath.Join(dir, ".ferry"), 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := node.Mark(root, node.Held{Job: "dead", Root: "dead.3", ID: "id-of-the-dead", By: by}); err != nil {
		t.Fatal(err)
	}
	img, err := s.engine.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	make := func(id string) engine.Container {
		c, err := s.engine.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/sleep", "100"}, Network: "none",
			Labels: map[string]string{node.LabelJob: "dead", node.LabelID: id, node.LabelOwner: "/elsewhere/dead.3"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Remove(context.WithoutCancel(t.Context())) })
		return c
	}
	its, anothers := make("id-of-the-dead"), make("id-of-another")
	s.other()
	if _, err := s.engine.Attach(t.Context(), its.ID()); !errors.Is(err, engine.ErrNoContainer) {
		t.Errorf("the dead ferry's container: %v", err)
	}
	if _, err := s.engine.Attach(t.Context(), anothers.ID()); err != nil {
		t.Errorf("a container with another id: %v", err)
	}
	s.nothingLeft()
}
