package commit_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/ecr"
	"github.com/genepattern/ferry/commit/registry"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/testenv"
)

var module = commit.Module{Name: "My Module", LSID: "urn:lsid:example.org:module.analysis:00044:9.1"}

func newEngine(t *testing.T) *docker.Engine {
	t.Helper()
	e, err := docker.New(docker.Config{Host: testenv.Docker(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func freezer(t *testing.T, e *docker.Engine, login engine.Login) *commit.Freezer {
	f, ok := commit.New(e)
	if !ok {
		t.Fatal("the engine makes no images")
	}
	f.Login, f.Version, f.Log = login, "test", t.Logf
	return f
}

// withECR is a freezer whose own registry is a fake ECR.
func withECR(t *testing.T, e *docker.Engine) (*commit.Freezer, *registrytest.ECR) {
	fake := registrytest.StartECR(t)
	client := &ecr.Client{Load: func(context.Context) (aws.Config, error) { return fake.Config(), nil }}
	logins := &registry.Logins{Issuers: []registry.Issuer{client}}
	f := freezer(t, e, logins.Login)
	f.Home = client
	return f, fake
}

func image(t *testing.T, e *docker.Engine, ref string) engine.Image {
	t.Helper()
	img, err := e.Image(t.Context(), ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// forget removes what a freeze made in the shared engine when the test ends.
func forget(t *testing.T, e *docker.Engine, refs ...string) {
	t.Cleanup(func() {
		for _, ref := range refs {
			_ = e.Images().RemoveImage(context.Background(), ref)
		}
	})
}

// tasklib is a directory as it stands in an attempt's root, to be frozen at /gp/tasklib.
func tasklib(t *testing.T) []copytree.Dir {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		when := time.Date(2010, 1, 2, 3, 4, 5, 0, time.UTC)
		if err := os.Chtimes(p, when, when); err != nil {
			t.Fatal(err)
		}
	}
	write("gp/tasklib/run.sh", "#!/bin/sh\necho frozen\n", 0o755)
	write("gp/tasklib/a b/code.R", "x <- 1\n", 0o640)
	write("gp/tasklib/out/result.txt", "PRIVATE result", 0o644)
	if err := os.Symlink("run.sh", filepath.Join(dir, "gp/tasklib/main")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"gp/tasklib/a b", "gp/tasklib", "gp"} {
		when := time.Date(2010, 1, 2, 3, 4, 5, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(dir, p), when, when); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	skip := func(name string) bool { return name == "gp/tasklib/out" }
	return []copytree.Dir{copytree.FromRoot(root, "gp/tasklib", "/gp/tasklib", skip, nil)}
}

// api speaks to the engine without ferry's own client.
func api(t *testing.T) *http.Client {
	host := testenv.Docker(t)
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		if sock, ok := strings.CutPrefix(host, "unix://"); ok {
			return d.DialContext(ctx, "unix", sock)
		}
		return d.DialContext(ctx, "tcp", strings.TrimPrefix(host, "tcp://"))
	}}}
}

// layered makes an image of n layers, each with a file of its own, on no base.
func layered(t *testing.T, ref string, n int) {
	t.Helper()
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	add := func(name string, body []byte) {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	var ids, names []string
	for i := range n {
		var layer bytes.Buffer
		lw := tar.NewWriter(&layer)
		body := fmt.Sprintf("%s %d", ref, i)
		_ = lw.WriteHeader(&tar.Header{Name: fmt.Sprintf("file%d", i), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))})
		_, _ = io.WriteString(lw, body)
		_ = lw.Close() // into memory
		ids = append(ids, fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes())))
		names = append(names, fmt.Sprintf("%d.tar", i))
		add(names[i], layer.Bytes())
	}
	config, _ := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{"Cmd": []string{"/x"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
	manifest, _ := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{ref}, "Layers": names}})
	add("config.json", config)
	add("manifest.json", manifest)
	_ = tw.Close()
	resp, err := api(t).Post("http://engine/images/load", "application/x-tar", &archive)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || bytes.Contains(body, []byte("errorDetail")) {
		t.Fatalf("loading an image: %s %s", resp.Status, body)
	}
}

// dockerCmd runs the docker command, as a person would.
func dockerCmd(t *testing.T, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("docker")
	testenv.Require(t, err == nil, "the docker command")
	cmd := exec.Command(program, args...)
	cmd.Env = append(testenv.Environ(), "DOCKER_HOST="+testenv.Docker(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
