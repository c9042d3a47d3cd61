package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/engine/docker/remotetest"
	"github.com/genepattern/ferry/internal/testenv"
)

// runDemo runs the demo with its work below a directory of the test's, and returns what it printed and its exit code.
func runDemo(t *testing.T, args []string, env ...string) (string, int) {
	t.Helper()
	testenv.ModuleImage(t) // for what it requires
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "ferry-test/demo:1").Run() })
	tmp := t.TempDir()
	cmd := exec.Command(testenv.Tool(t, "demo"))
	cmd.Dir = testenv.Root()
	cmd.Args = append(cmd.Args, args...)
	cmd.Env = append(testenv.Environ("DOCKER_HOST="+testenv.Docker(t), "TMPDIR="+tmp, "IMAGE=ferry-test/demo:1"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func wants(t *testing.T, out string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(out, p) {
			t.Errorf("no %q in what it printed:\n%s", p, out)
		}
	}
}

func TestDemo(t *testing.T) {
	out, code := runDemo(t, nil)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	wants(t, out, "== Done: exit code 0", "results in SelectMarkers: ", "two_classes.markers.tsv", "(the module ended by itself)", "input.file")
}

func TestDemoBatch(t *testing.T) {
	out, code := runDemo(t, []string{"batch"})
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	wants(t, out, "== Done: exit code 0", "left on this machine: nothing", "two_classes.markers.tsv", "(the module ended by itself)")
}

// The same job on an engine that can mount nothing of this machine.
func TestDemoRemoteEngine(t *testing.T) {
	front := remotetest.StartTLS(t)
	out, code := runDemo(t, []string{"batch"}, "REMOTE_ENGINE="+front.Host, "REMOTE_CERTS="+front.Certs)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	input, err := os.Stat(filepath.Join(testenv.Root(), "testdata/demo/input/two_classes.gct"))
	if err != nil {
		t.Fatal(err)
	}
	if n := front.Received.Load(); n < input.Size() {
		t.Errorf("%d bytes went to the other engine, and so not the input", n)
	}
	wants(t, out, "DOCKER_HOST="+front.Host, "--stage copy", "== Done: exit code 0", "left on this machine: nothing", "two_classes.markers.tsv", "(the module ended by itself)")
}

// A module that fails is staged out as one that does not: its user sees why.
func TestDemoBadInput(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "it's bad $HOME.gct")
	if err := os.WriteFile(bad, []byte("junk\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, how := range [][]string{{bad}, {"batch", bad}} {
		out, code := runDemo(t, how)
		if code != 1 {
			t.Errorf("%q: exit code %d", how, code)
		}
		wants(t, out, "== Done: exit code 1", "it's bad $HOME.gct: line 1 should be")
	}
}

func TestDemoNoInput(t *testing.T) {
	if out, code := runDemo(t, []string{"/nonexistent.gct"}); code != 1 || strings.Count(out, "\n") != 1 {
		t.Errorf("exit code %d, %q", code, out)
	}
}
