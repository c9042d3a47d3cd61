package testenv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/lab"
)

// A PodmanService is Podman's service on a socket of its own, with everything below Dir, until the test ends.
type PodmanService struct {
	Dir  string
	Host string // as in DOCKER_HOST and CONTAINER_HOST
}

// Podman starts Podman's service, with the module images named; Bash is the first.
func Podman(t testing.TB, images ...Module) PodmanService {
	t.Helper()
	_, err := exec.LookPath("podman")
	Require(t, err == nil && os.Getuid() == 0, "Podman, and root to run it (scripts/podman.sh install)")
	dir, err := os.MkdirTemp("", "ferry-podman-") // a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := PodmanService{Dir: dir}
	script := filepath.Join(lab.Root(), "scripts", "podman.sh")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, "start", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	t.Cleanup(func() {
		if out, err := exec.Command(script, "stop", dir).CombinedOutput(); err != nil {
			t.Errorf("stopping Podman: %v: %s", err, out)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("left: %v", err)
		}
	})
	if err != nil {
		t.Fatalf("starting Podman: %v", err)
	}
	s.Host = strings.TrimSpace(string(out))
	for _, m := range append([]Module{Bash}, images...) {
		s.Load(t, ModuleArchive(t, dir, m))
	}
	return s
}

// Command is a command of podman's on the service's own containers and images.
func (s PodmanService) Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	in := func(name string) string { return filepath.Join(s.Dir, name) }
	cmd := exec.CommandContext(t.Context(), "podman", append([]string{"--root", in("root"), "--runroot", in("run"), "--tmpdir", in("tmp")}, args...)...)
	cmd.Env = Environ("CONTAINERS_CONF=" + in("containers.conf"))
	return cmd
}

// Load loads an image of an archive as `docker save` writes them.
func (s PodmanService) Load(t testing.TB, archive string) {
	t.Helper()
	if out, err := s.Command(t, "load", "--quiet", "--input", archive).CombinedOutput(); err != nil {
		t.Fatalf("loading %s: %v: %s", archive, err, out)
	}
}
