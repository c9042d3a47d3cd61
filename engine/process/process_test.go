package process_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/enginetest"
	"github.com/genepattern/ferry/engine/process"
)

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Harness{Engine: process.New(os.Environ()), Image: "this", Label: "process"})
}

// run runs a script to its end.
func run(t *testing.T, e *process.Engine, change func(*engine.Spec), script string) (engine.Exit, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	img, err := e.Image(ctx, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", script}}
	if change != nil {
		change(&spec)
	}
	c, err := e.Create(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Remove(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	var out bytes.Buffer
	if err := c.Start(ctx, &out, &out); err != nil {
		t.Fatal(err)
	}
	exit, err := c.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return exit, out.String()
}

func TestEnvironment(t *testing.T) {
	e := process.New([]string{"PATH=" + os.Getenv("PATH"), "R_LIBS=/r", "AWS_ACCESS_KEY_ID=x", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/y",
		"FERRY_IMAGE=z", "GP_USER_ID=u", "DB_PASSWORD=p", "my_secret=q", "ECS_CONTAINER_METADATA_URI_V4=m"})
	_, out := run(t, e, func(s *engine.Spec) { s.Env = []string{"GP_JOB_METADATA_DIR=/m"} }, "env")
	for _, want := range []string{"R_LIBS=/r\n", "GP_JOB_METADATA_DIR=/m\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %q", want, out)
		}
	}
	for _, not := range []string{"AWS_", "FERRY_", "GP_USER", "PASSWORD", "secret", "ECS_"} {
		if strings.Contains(out, not) {
			t.Errorf("%q is in %q", not, out)
		}
	}
}

func TestPrivileges(t *testing.T) {
	_, out := run(t, process.New(os.Environ()), nil, "cat /proc/self/status")
	for _, want := range []string{"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %q", want, out)
		}
	}
	// Ferry's own environment is closed to it, though it may run as the same user.
	_, out = run(t, process.New(os.Environ()), nil, "cat /proc/$PPID/environ >/dev/null && echo open")
	if strings.Contains(out, "open") {
		t.Error("the module can read ferry's environment")
	}
}

// What a mount stands for is seen under its target, also inside another mount, and nothing is left of it.
func TestLinks(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "root")
	see := filepath.Join(base, "see")
	for _, d := range []string{filepath.Join(root, "jobs/1"), filepath.Join(root, "jobs/1.meta"), filepath.Join(root, "lib/m"), filepath.Join(see, "empty")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mounts := []engine.Mount{
		{Source: filepath.Join(root, "lib"), Target: filepath.Join(see, "lib")},
		{Source: filepath.Join(root, "jobs/1"), Target: filepath.Join(see, "deep/jobs/1")},
		{Source: filepath.Join(root, "lib/m"), Target: filepath.Join(see, "lib/m")},
		{Source: filepath.Join(root, "jobs/1.meta"), Target: filepath.Join(see, "empty")},
	}
	exit, out := run(t, process.New(os.Environ()), func(s *engine.Spec) {
		s.Mounts, s.Workdir = mounts, filepath.Join(see, "deep/jobs/1")
	}, "echo result > result; echo m > ../../../lib/m/f; echo meta > "+see+"/empty/f")
	if exit.Code != 0 {
		t.Fatalf("%+v %s", exit, out)
	}
	for _, f := range []string{"jobs/1/result", "jobs/1.meta/f"} {
		if _, err := os.Stat(filepath.Join(root, f)); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(see)
	if err != nil || len(entries) != 1 || entries[0].Name() != "empty" || !entries[0].IsDir() {
		t.Errorf("left are %v, %v", entries, err)
	}
	// A directory with files in it is not covered up.
	if err := os.WriteFile(filepath.Join(see, "empty", "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	e := process.New(os.Environ())
	if _, err := e.Create(t.Context(), engine.Spec{Command: []string{"/bin/sh"}, Mounts: mounts}); !errors.Is(err, engine.ErrLaunch) {
		t.Errorf("a directory with files in it gives %v", err)
	}
	if entries, _ := os.ReadDir(see); len(entries) != 1 {
		t.Errorf("left are %v", entries)
	}
}

// A link that a killed ferry left gives way to the next job's, once what it led to is gone. Another's link does not.
func TestLinkOfAKilledFerry(t *testing.T) {
	base := t.TempDir()
	see := filepath.Join(base, "see")
	source := filepath.Join(base, "local/j.2", see)
	if err := errors.Join(os.MkdirAll(source, 0o755), os.Symlink(filepath.Join(base, "local/j.1", see), see)); err != nil {
		t.Fatal(err)
	}
	mounts := []engine.Mount{{Source: source, Target: see}}
	exit, out := run(t, process.New(os.Environ()), func(s *engine.Spec) { s.Mounts, s.Workdir = mounts, see }, "echo result > r")
	if exit.Code != 0 {
		t.Fatalf("%+v %s", exit, out)
	}
	if _, err := os.Stat(filepath.Join(source, "r")); err != nil {
		t.Error(err)
	}
	for _, to := range []string{filepath.Join(base, "gone/elsewhere"), filepath.Join(base, "local")} {
		if err := os.Symlink(to, see); err != nil {
			t.Fatal(err)
		}
		if _, err := process.New(os.Environ()).Create(t.Context(), engine.Spec{Command: []string{"/bin/sh"}, Mounts: mounts}); !errors.Is(err, engine.ErrLaunch) {
			t.Errorf("a link to %s gives %v", to, err)
		}
		if got, _ := os.Readlink(see); got != to {
			t.Errorf("the link now leads to %q", got)
		}
		if err := os.Remove(see); err != nil {
			t.Fatal(err)
		}
	}
}

// Nothing of a module outlives it, and what it leaves running does not hold up the end of its output.
func TestHelpersEnd(t *testing.T) {
	exit, out := run(t, process.New(os.Environ()), nil, "sleep 1000 & echo $!; exit 4")
	if exit.Code != 4 {
		t.Errorf("%+v", exit)
	}
	pid := strings.TrimSpace(out)
	for range 100 {
		data, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(data), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %s is still there", pid)
}

func TestOtherUser(t *testing.T) {
	_, err := process.New(nil).Create(t.Context(), engine.Spec{Command: []string{"/bin/sh"}, User: "4711:4711"})
	if !errors.Is(err, engine.ErrLaunch) {
		t.Errorf("another user gives %v", err)
	}
}
