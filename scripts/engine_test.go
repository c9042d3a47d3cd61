package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// engine runs engine.sh with an engine directory, or for the machine's own engine with "".
func engine(t *testing.T, dir, command string) (string, error) {
	t.Helper()
	cmd := exec.Command(filepath.Join(testenv.Root(), "scripts", "engine.sh"), command)
	cmd.Env = os.Environ()
	if dir != "" {
		cmd.Env = append(cmd.Env, "ENGINE_DIR="+dir)
	}
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func TestEngineThatRunsIsLeftAlone(t *testing.T) {
	host := testenv.Docker(t)
	if got, err := engine(t, "", "start"); err != nil || got != "running "+host {
		t.Errorf("start said %q, %v", got, err)
	}
}

func TestEngineStartsAndStops(t *testing.T) {
	testenv.Docker(t)
	asRoot := []string{}
	if os.Getuid() != 0 {
		testenv.Require(t, exec.Command("sudo", "-n", "true").Run() == nil, "root, or sudo without a password, to start an engine")
		asRoot = []string{"sudo", "-n"}
	}
	dir, err := os.MkdirTemp("", "ferry-engine-") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := engine(t, dir, "stop"); err != nil {
			t.Errorf("stop: %v, %s", err, out)
		}
		rm := append(asRoot, "rm", "-rf", dir) // what an engine keeps is root's
		if out, err := exec.Command(rm[0], rm[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	want := "unix://" + filepath.Join(dir, "docker.sock")
	for _, word := range []string{"started ", "running "} {
		got, err := engine(t, dir, "start")
		if err != nil || got != word+want {
			t.Fatalf("start said %q, %v, want %q", got, err, word+want)
		}
	}
	for range 2 { // stopping what is stopped is fine
		if out, err := engine(t, dir, "stop"); err != nil {
			t.Fatalf("stop: %v, %s", err, out)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.pid")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
