package podman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/enginetest"
	"github.com/genepattern/ferry/internal/testenv"
)

// testEngine is an engine on a service of Podman's.
func testEngine(t *testing.T, s testenv.PodmanService) engine.Engine {
	t.Helper()
	e, err := open(hostOf(map[string]string{"CONTAINER_HOST": s.Host}))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func hostOf(vars map[string]string) engine.Host {
	return engine.Host{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
}

// Where Podman listens: what is said, the user's own place, root's, and last the place of Docker's.
func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		uid   int
		vars  map[string]string
		there []string
		want  string
		found bool
	}{
		"root":                {0, nil, []string{rootful}, rootful, true},
		"root's alone":        {0, map[string]string{"XDG_RUNTIME_DIR": "/run/user/0"}, []string{"/run/user/0/podman/podman.sock", rootful}, rootful, true},
		"a user":              {1000, map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}, []string{"/run/user/1000/podman/podman.sock", rootful}, "/run/user/1000/podman/podman.sock", true},
		"another runtime dir": {1000, map[string]string{"XDG_RUNTIME_DIR": "/tmp/r"}, []string{"/tmp/r/podman/podman.sock"}, "/tmp/r/podman/podman.sock", true},
		"no variable":         {1000, nil, []string{"/run/user/1000/podman/podman.sock"}, "/run/user/1000/podman/podman.sock", true},
		"a relative one":      {1000, map[string]string{"XDG_RUNTIME_DIR": "r"}, []string{"r/podman/podman.sock"}, "/run/user/1000/podman/podman.sock", false},
		"a user, root's":      {1000, nil, []string{rootful}, rootful, true},
		"in a container":      {0, nil, []string{"/var/run/docker.sock"}, "/var/run/docker.sock", false},
		"podman-docker":       {0, map[string]string{"DOCKER_HOST": "unix:///x/p.sock"}, []string{"/x/p.sock"}, "/x/p.sock", false},
		"none":                {0, nil, nil, rootful, false},
	} {
		got, found := find(hostOf(c.vars), c.uid, func(p string) bool { return slices.Contains(c.there, p) })
		if got != "unix://"+c.want || found != c.found {
			t.Errorf("%s: %s, %v", name, got, found)
		}
	}
	if got, found := find(hostOf(map[string]string{"CONTAINER_HOST": "ssh://u@h/run/p.sock"}), 0, isSocket); got != "ssh://u@h/run/p.sock" || !found {
		t.Errorf("%s, %v", got, found)
	}
}

// What Podman does otherwise than Docker.
func TestDifferences(t *testing.T) {
	s := testenv.Podman(t)
	e := testEngine(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	img, err := e.Image(ctx, "ferry-test/module:bash", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a source that is not there", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "none")
		_, err := e.Create(ctx, engine.Spec{Image: img, Command: []string{"/bin/sh"}, Network: "none", Mounts: []engine.Mount{{Source: missing, Target: "/in"}}})
		if !errors.Is(err, engine.ErrLaunch) || !strings.Contains(fmt.Sprint(err), missing) {
			t.Errorf("%v", err)
		}
		if _, err := os.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it was made: %v", err)
		}
	})
	t.Run("a network for each container", func(t *testing.T) {
		c, err := e.Create(ctx, engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", "cat /proc/net/dev"}, Network: engine.OwnNetwork})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Remove(context.WithoutCancel(ctx)) }()
		var out, stderr bytes.Buffer
		if err := c.Start(ctx, &out, &stderr); err != nil {
			t.Fatal(err)
		}
		if exit, err := c.Wait(ctx); err != nil || exit.Code != 0 || !strings.Contains(out.String(), "tap0:") {
			t.Errorf("%+v, %v: %s", exit, err, out.String())
		}
	})
	t.Run("registries", func(t *testing.T) {
		private := registrytest.Start(t, registrytest.Options{User: "ann", Password: "secret"})
		if _, err := e.Image(ctx, private.Host+"/none/such:1", nil); !errors.Is(err, engine.ErrDenied) {
			t.Errorf("no login: %v", err)
		}
		plain := registrytest.Start(t, registrytest.Options{})
		_, port, err := net.SplitHostPort(plain.Host)
		if err != nil {
			t.Fatal(err)
		}
		// A registry without TLS that is not on this machine, as far as its name tells.
		host, err := os.Hostname()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = e.Image(ctx, net.JoinHostPort(host, port)+"/none/such:1", nil); cause.Of(err) != cause.Image || !strings.Contains(cause.HintOf(err), "insecure=true") {
			t.Errorf("%v (%s)", err, cause.HintOf(err))
		}
	})
	// On a machine whose only engine is Podman, nothing has to be said: here /run is one where no Docker engine listens.
	t.Run("found by itself", func(t *testing.T) {
		work := t.TempDir()
		script := `mount -t tmpfs tmpfs /run && mkdir /run/podman && ln -s "$1" /run/podman/podman.sock && shift && exec "$@"`
		manifest := "name=Found\ncommandLine=sh -c \"echo by itself\"\njob.docker.image=ferry-test/module:bash\n"
		if err := os.WriteFile(filepath.Join(work, "manifest"), []byte(manifest), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-c", script, "sh", strings.TrimPrefix(s.Host, "unix://"),
			testenv.FerryBinary(t), "module", "run", work, "--workdir", filepath.Join(work, "job"))
		for _, v := range testenv.Environ("TMPDIR=" + t.TempDir()) {
			if !strings.HasPrefix(v, "DOCKER_HOST=") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if rec, err := os.ReadFile(filepath.Join(work, "job", ".gp_metadata", "run.json")); err != nil || !strings.Contains(string(rec), `"name": "podman"`) {
			t.Errorf("%v: %s\n%s", err, rec, out)
		}
	})
	// Ferry in a container of Podman's finds that container, by its resolv.conf and by where it writes.
	t.Run("its own container", func(t *testing.T) {
		ferry := testenv.FerryBinary(t)
		out, err := s.Command(t, "run", "--rm", "--network", "none", "-v", ferry+":/ferry:ro", "-v", strings.TrimPrefix(s.Host, "unix://")+":/run/podman/podman.sock",
			"-v", s.Dir+":/local", "ferry-test/module:bash", "/ferry", "doctor", "--engine", "podman", "--network", "none").CombinedOutput()
		if !strings.Contains(string(out), "/local is "+s.Dir+" on the host") {
			t.Errorf("%v: %s", err, out)
		}
		if !strings.Contains(string(out), "podman 4.") || !strings.Contains(string(out), "it enforces memory, cpus, pids, network") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func TestConformance(t *testing.T) {
	registry := registrytest.Start(t, registrytest.Options{})
	enginetest.Run(t, enginetest.Harness{
		Engine: testEngine(t, testenv.Podman(t)), Image: "ferry-test/module:bash", Missing: registry.Host + "/none/such:1",
		Label:    fmt.Sprintf("podman-%d-%d", os.Getpid(), time.Now().UnixNano()),
		Isolated: true, Mounts: true,
	})
}
