package wrapper_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
)

func TestWalltime(t *testing.T) {
	s := newRig(t)
	s.exec("echo partial > r.txt", "trap '' TERM", "sleep 60 & wait", "sleep 60")
	out := s.run(s.job(testenv.ModuleImage(t), "walltime", "1", "grace", "4"))
	s.ended(out, 142, cause.Walltime)
	if s.get("jobs/1/r.txt") != "partial\n" {
		t.Error("no results after the walltime")
	}
}

// started is closed by the first byte written to it.
type started struct {
	once sync.Once
	c    chan struct{}
}

func (s *started) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.c) })
	return len(p), nil
}

func TestInterrupted(t *testing.T) {
	s := newRig(t)
	s.exec("echo partial > r.txt", "trap 'echo stopped > stopped.txt; exit 3' TERM", "echo begun", "sleep 60 & wait")
	work, stop := context.WithCancelCause(t.Context())
	begun := &started{c: make(chan struct{})}
	d := s.deps()
	d.Stdout = begun
	go func() {
		<-begun.c
		stop(cause.Fail(cause.Interrupted, "", "told to stop"))
	}()
	out := wrapper.Run(work, t.Context(), s.job(testenv.ModuleImage(t)), d)
	s.nothingLeft()
	r := s.ended(out, 75, cause.Interrupted)
	if s.get("jobs/1/r.txt") != "partial\n" || s.get("jobs/1/stopped.txt") != "stopped\n" || r.Exit == nil || r.Exit.Code != 3 {
		t.Errorf("results %q %q, exit %+v", s.get("jobs/1/r.txt"), s.get("jobs/1/stopped.txt"), r.Exit)
	}
}

func TestOutOfMemory(t *testing.T) {
	s := newRig(t)
	s.exec(`x=$(head -c 100000000 /dev/zero | tr '\0' x)`, "echo survived > r.txt")
	out := s.run(s.job(testenv.ModuleImage(t), "memory", "32m"))
	r := s.record()
	if out.Cause != cause.OOM || !r.Exit.OOM || out.Code == 0 {
		t.Errorf("outcome %+v, exit %+v", out, r.Exit)
	}
}

func TestKeepLeavesFilesButNotPrivateInputs(t *testing.T) {
	s := newRig(t)
	s.put("users/me@x/up/secret.txt", "x")
	s.exec("cat /users/me@x/up/secret.txt > r.txt")
	j := s.job(testenv.ModuleImage(t), "keep", "true", "user-id", "me@x", "input", "/users/me@x/up")
	out := s.run(j)
	r := s.ended(out, 0, cause.None)
	root := filepath.Join(s.local, "t1.1")
	if _, err := os.Stat(filepath.Join(root, "jobs/1/r.txt")); err != nil {
		t.Error("files were not kept:", err)
	}
	if _, err := os.Stat(filepath.Join(root, "users/me@x/up")); !errors.Is(err, os.ErrNotExist) {
		t.Error("private inputs were kept")
	}
	c, err := s.engine.Attach(t.Context(), r.Container)
	if err != nil {
		t.Fatal("the container was not kept:", err)
	}
	// A later ferry on this node leaves what was kept alone.
	if o, err := node.Orphans(t.Context(), s.engine, s.local, true); err != nil || len(o) != 0 {
		t.Errorf("orphans %v, %v", o, err)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestModuleRemovesItsMetadataDir(t *testing.T) {
	s := newRig(t)
	s.exec("echo said", "rm -rf .gp_metadata/* .gp_metadata/.[!.]*", "mkdir .gp_metadata/run.json .gp_metadata/exit_code.txt",
		"ln -s /etc/passwd .gp_metadata/dockerout.log", "echo x > r.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 0, cause.None)
	if s.meta("dockerout.log") != "said\n" || s.get("jobs/1/r.txt") != "x\n" {
		t.Errorf("dockerout.log %q", s.meta("dockerout.log"))
	}
}

func TestSameJobTwiceAtOnceIsRefused(t *testing.T) {
	s := newRig(t)
	s.exec("echo begun", "sleep 5")
	begun := &started{c: make(chan struct{})}
	d := s.deps()
	d.Stdout = begun
	work, stop := context.WithCancelCause(t.Context())
	ended := make(chan wrapper.Outcome)
	j := s.job(testenv.ModuleImage(t))
	go func() { ended <- wrapper.Run(work, t.Context(), j, d) }()
	<-begun.c
	second := s.deps()
	second.Log = d.Log // one writer for both
	out := wrapper.Run(t.Context(), t.Context(), j, second)
	if out.Cause != cause.Refused || !strings.Contains(out.Err.Error(), "running on this node already") {
		t.Errorf("the second: %+v", out)
	}
	stop(nil)
	if first := <-ended; first.Cause != cause.Interrupted {
		t.Errorf("the first: %+v", first)
	}
	s.nothingLeft()
}

func TestPlanTouchesNothing(t *testing.T) {
	s := newRig(t)
	out := wrapper.Plan(t.Context(), s.job("some/image:1", "module-dir", "/lib", "env", "TOKEN=secret"), s.deps())
	plan := s.stdout.String()
	for _, want := range []string{"some/image:1", "bash /jobs/1/.gp_metadata/exec.sh", s.local + "/t1.1/lib -> /lib (rw)", "TOKEN=…"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
		}
	}
	if out.Code != 0 || strings.Contains(plan, "secret") {
		t.Errorf("%+v\n%s", out, plan)
	}
	if _, err := os.Stat(s.local); !errors.Is(err, os.ErrNotExist) {
		t.Error("a dry run made the local prefix")
	}
}

// Twice the free space is asked for, by a file with a hole.
func TestNoSpaceForInputsIsSeenBeforeTheyAreFetched(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	s.put("in/huge", "")
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.store, &st); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(s.store, "in/huge"), int64(st.Bavail)*st.Bsize*2); err != nil {
		t.Fatal(err)
	}
	out := s.run(s.job(testenv.ModuleImage(t), "input", "/in"))
	r := s.ended(out, 74, cause.Disk)
	if in := r.Transfers["stage-in"]; in.Bytes > 1<<20 {
		t.Errorf("%d bytes were fetched", in.Bytes)
	}
}

// The caller is who the local prefix belongs to; what is kept is theirs, whatever the module is.
func TestUserCaller(t *testing.T) {
	s := newRig(t)
	testenv.Require(t, os.Geteuid() == 0, "root's rights to give a directory away")
	const uid, gid = 12345, 23456
	if err := os.MkdirAll(s.local, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(s.local, uid, gid); err != nil {
		t.Fatal(err)
	}
	s.exec("id -u > r.txt", "id -g >> r.txt")
	out := s.run(s.job(testenv.ModuleImage(t), "user", "caller", "forbid-root", "true", "keep", "true"))
	r := s.ended(out, 0, cause.None)
	if got := s.get("jobs/1/r.txt"); got != "12345\n23456\n" {
		t.Errorf("the module ran as %q", got)
	}
	for _, name := range []string{"t1.1", "t1.1/jobs/1/r.txt", "t1.1/jobs/1/.gp_metadata/run.json"} {
		st, err := os.Lstat(filepath.Join(s.local, name))
		if err != nil {
			t.Fatal(err)
		}
		if sys := st.Sys().(*syscall.Stat_t); sys.Uid != uid || sys.Gid != gid {
			t.Errorf("%s belongs to %d:%d", name, sys.Uid, sys.Gid)
		}
	}
	c, err := s.engine.Attach(t.Context(), r.Container)
	if err == nil {
		err = c.Remove(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}
