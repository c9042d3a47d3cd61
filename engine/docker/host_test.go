package docker

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

func TestFromHost(t *testing.T) {
	none := SSH{User: "root", KnownHosts: []string{"/etc/ssh/ssh_known_hosts"}}
	for name, c := range map[string]struct {
		vars map[string]string
		want Config
	}{
		"nothing":             {nil, Config{SSH: none}},
		"an address":          {map[string]string{"DOCKER_HOST": "tcp://h:1"}, Config{Host: "tcp://h:1", SSH: none}},
		"certificates unused": {map[string]string{"DOCKER_CERT_PATH": "/c"}, Config{SSH: none}},
		"certificates":        {map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/c"}, Config{CertPath: "/c", SSH: none}},
		"a person with a home": {map[string]string{"USER": "ann", "HOME": "/h", "SSH_AUTH_SOCK": "/s"}, Config{SSH: SSH{User: "ann", Agent: "/s",
			Keys:       []string{"/h/.ssh/id_ed25519", "/h/.ssh/id_ecdsa", "/h/.ssh/id_rsa"},
			KnownHosts: []string{"/etc/ssh/ssh_known_hosts", "/h/.ssh/known_hosts"}}}},
	} {
		got := FromHost(engine.Host{Lookup: func(name string) (string, bool) { v, ok := c.vars[name]; return v, ok }})
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestNobodyAnswers has the hint of the engine's kind in the error, and its name.
func TestNobodyAnswers(t *testing.T) {
	for _, c := range []struct {
		conf       Config
		name, hint string
	}{
		{Config{}, "docker engine", defaultHint},
		{Config{Name: "podman", Hint: "does podman system service run?"}, "podman engine", "does podman system service run?"},
	} {
		c.conf.Host = "unix://" + filepath.Join(t.TempDir(), "none.sock")
		e, err := New(c.conf)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Info(t.Context())
		named := cause.Name(t.Context(), cause.Internal, "", err)
		if !errors.Is(err, engine.ErrUnavailable) || cause.Of(named) != cause.Engine || cause.HintOf(named) != c.hint || !strings.HasPrefix(err.Error(), c.name) {
			t.Errorf("%v with the hint %q, want %q", named, cause.HintOf(named), c.hint)
		}
		if _, err := e.Self(t.Context()); err != nil {
			t.Errorf("Self on a host asks the engine: %v", err)
		}
		_ = e.Close()
	}
}

// Lines of /proc/self/mountinfo as they stand in a container of Docker's, and on a host with containers on it.
const (
	inContainer = `1 2 0:50 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X
3 1 254:0 /var/lib/docker/containers/%s/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda rw
4 1 254:0 /srv/jobs /local rw,relatime - ext4 /dev/vda rw
`
	onHost = `1 2 254:0 / / rw,relatime - ext4 /dev/vda rw
3 1 0:60 / /var/lib/docker/overlay2/0123/merged rw - overlay overlay rw
4 1 254:0 /var/lib/docker/containers/%s/mounts/shm /var/lib/docker/containers/%[1]s/mounts/shm rw - tmpfs shm rw
`
)

func TestOwnID(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string]string{inContainer: id, onHost: "", "": ""} {
		if got := ownID(strings.NewReader(strings.ReplaceAll(strings.ReplaceAll(text, "%s", id), "%[1]s", id))); got != want {
			t.Errorf("%q in %q", got, text)
		}
	}
}

// TestSelf has the engine describe a container that this process takes for its own.
func TestSelf(t *testing.T) {
	e := testEngine(t)
	take := func(text, id string) {
		e.mountinfo = filepath.Join(t.TempDir(), "mountinfo")
		if err := os.WriteFile(e.mountinfo, []byte(strings.ReplaceAll(text, "%s", id)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	img, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/sleep", "300"}, Network: "none", Labels: map[string]string{"ferry.test": "self"},
		Limits: engine.Limits{Memory: 64 << 20, NanoCPUs: 5e8, PIDs: 99}, Mounts: []engine.Mount{{Source: dir, Target: "/local", ReadOnly: true}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Remove(t.Context()) }()
	if err := c.Start(t.Context(), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	e.program = programOf(t, e, c.ID(), "/bin/bash")
	take(inContainer, c.ID())
	self, err := engine.SelfOf(t.Context(), e)
	if err != nil || self == nil || self.ID != c.ID() {
		t.Fatalf("%+v, %v", self, err)
	}
	if l := self.Limits; l.Memory != 64<<20 || l.NanoCPUs != 5e8 || l.PIDs != 99 {
		t.Errorf("limits %+v", l)
	}
	if want := []engine.SelfMount{{Source: dir, Destination: "/local", ReadOnly: true}}; !reflect.DeepEqual(self.Mounts, want) {
		t.Errorf("mounts %+v, want %+v", self.Mounts, want)
	}
	take(inContainer, strings.Repeat("0", 64))
	if self, err := engine.SelfOf(t.Context(), e); self != nil || !errors.Is(err, engine.ErrNoContainer) {
		t.Errorf("in a container the engine does not know: %+v, %v", self, err)
	}
	take(onHost, c.ID())
	if self, err := engine.SelfOf(t.Context(), e); self != nil || err != nil {
		t.Errorf("on a host: %+v, %v", self, err)
	}
	e.mountinfo = filepath.Join(dir, "none")
	if self, err := engine.SelfOf(t.Context(), e); self != nil || err != nil {
		t.Errorf("without /proc: %+v, %v", self, err)
	}
}

// TestSelfBesideAnother has ferry's container share the network of another, whose resolv.conf and host name it then has.
func TestSelfBesideAnother(t *testing.T) {
	e := testEngine(t)
	image := testenv.ModuleImage(t)
	other := testenv.DockerCommand(t, nil, "run", "-d", image, "/bin/sleep", "300")
	defer testenv.DockerCommand(t, nil, "rm", "-f", other)
	dir := t.TempDir()
	own := testenv.DockerCommand(t, nil, "run", "-d", "--network", "container:"+other, "-v", dir+":/local", "--memory", "64m", image, "/bin/sleep", "300")
	defer testenv.DockerCommand(t, nil, "rm", "-f", own)
	for _, id := range []string{own, other} {
		e.mountinfo = filepath.Join(t.TempDir(), "mountinfo")
		text := testenv.DockerCommand(t, nil, "exec", id, "/bin/cat", "/proc/self/mountinfo")
		if !strings.Contains(text, "/containers/"+other+"/") {
			t.Fatalf("the files are not the other container's:\n%s", text)
		}
		if err := os.WriteFile(e.mountinfo, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		self, err := engine.SelfOf(t.Context(), e)
		if err != nil || self == nil || self.ID != id {
			t.Errorf("in %.12s: %+v, %v", id, self, err)
		}
	}
	testenv.DockerCommand(t, nil, "exec", own, "/bin/true")
	text := strings.ReplaceAll(testenv.DockerCommand(t, nil, "exec", own, "/bin/cat", "/proc/self/mountinfo"), "upperdir=", "upperdir=/elsewhere")
	if err := os.WriteFile(e.mountinfo, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if self, err := engine.SelfOf(t.Context(), e); self != nil || !errors.Is(err, engine.ErrNoContainer) {
		t.Errorf("a container that the engine does not know, in the network of one that it knows: %+v, %v", self, err)
	}
}

// programOf takes a file of a container for the program that runs here.
func programOf(t *testing.T, e *Engine, id, path string) func() (program, bool) {
	t.Helper()
	st, err := e.cli.ContainerStatPath(t.Context(), id, path)
	if err != nil {
		t.Fatal(err)
	}
	return func() (program, bool) { return program{path, st.Size, st.Mtime.Unix()}, true }
}

// TestSelfWithoutOverlay has an engine that does not tell where containers write. Then only one that runs this ferry is its own.
func TestSelfWithoutOverlay(t *testing.T) {
	e := testEngine(t)
	start := func(image string, more ...string) string {
		id := testenv.DockerCommand(t, nil, slices.Concat([]string{"run", "-d"}, more, []string{image, "/bin/sleep", "300"})...)
		t.Cleanup(func() { testenv.DockerCommand(t, nil, "rm", "-f", id) })
		return id
	}
	const here = "/ferry-for-tests"
	file := filepath.Join(t.TempDir(), "ferry")
	if err := os.WriteFile(file, []byte("a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	withFerry := []string{"-v", file + ":" + here + ":ro"}
	image := testenv.ModuleImage(t)
	pause := start(image)
	e.mountinfo = filepath.Join(t.TempDir(), "mountinfo")
	in := func(id string) (*engine.Self, error) {
		if err := os.WriteFile(e.mountinfo, []byte(strings.ReplaceAll(inContainer, "%s", id)), 0o600); err != nil {
			t.Fatal(err)
		}
		return engine.SelfOf(t.Context(), e)
	}
	own := start(image, append(withFerry, "--network", "container:"+pause)...)
	e.program = programOf(t, e, own, here)
	if self, err := in(pause); err != nil || self == nil || self.ID != own {
		t.Errorf("in the network of another: %+v, %v, want %.12s", self, err, own)
	}
	if self, err := in(own); err != nil || self == nil || self.ID != own {
		t.Errorf("by its own files: %+v, %v", self, err)
	}
	if self, err := in(start(image)); self != nil || !errors.Is(err, engine.ErrNoContainer) {
		t.Errorf("a container that runs something else: %+v, %v", self, err)
	}
	start(image, append(withFerry, "--network", "container:"+pause)...)
	if self, err := in(pause); self != nil || !errors.Is(err, engine.ErrNoContainer) {
		t.Errorf("two that run ferry in one network: %+v, %v", self, err)
	}
}

// TestSelfByTask has ECS say which container is ferry's own, where the files of another are mounted.
func TestSelfByTask(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string]string{`{"DockerId": "` + id + `", "Name": "ferry"}`: id, `{}`: "", `nonsense`: ""} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		if got := taskID(t.Context(), server.URL); got != want {
			t.Errorf("%s: %q", text, got)
		}
		server.Close()
	}
	e := testEngine(t)
	own := testenv.DockerCommand(t, nil, "create", testenv.ModuleImage(t), "/bin/true")
	defer testenv.DockerCommand(t, nil, "rm", "-f", own)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"DockerId":"`+own+`"}`) }))
	defer server.Close()
	e.task, e.mountinfo = server.URL, filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(e.mountinfo, []byte(strings.ReplaceAll(inContainer, "%s", strings.Repeat("0", 64))), 0o600); err != nil {
		t.Fatal(err)
	}
	if self, err := engine.SelfOf(t.Context(), e); err != nil || self == nil || self.ID != own {
		t.Errorf("%+v, %v", self, err)
	}
}
