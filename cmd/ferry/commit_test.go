package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/testenv"
)

// ferry runs the binary with nothing of this machine's environment.
func ferry(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, testenv.FerryBinary(t), args...)
	cmd.Env = append([]string{"DOCKER_HOST=" + testenv.Docker(t), "PATH=/nonexistent", "HOME=/nonexistent",
		"AWS_CONFIG_FILE=/nonexistent/config", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent/credentials", "AWS_EC2_METADATA_DISABLED=true"}, env...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

func testEngine(t *testing.T) *docker.Engine {
	t.Helper()
	e, err := docker.New(docker.Config{Host: testenv.Docker(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// finished is a container that somebody ran: it wrote where people install things, and elsewhere.
func finished(t *testing.T, e *docker.Engine) string {
	t.Helper()
	img, err := e.Image(t.Context(), testenv.ModuleImage(t, testenv.Entrypoint), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Create(t.Context(), engine.Spec{Image: img, Network: "none", Env: []string{"TOKEN=hush"}, Workdir: "/", Labels: map[string]string{"ferry-test": "1"},
		Command: []string{"/bin/sh", "-c", `mkdir -p /opt/tool/bin && echo tool >/opt/tool/bin/run && chmod 755 /opt/tool/bin/run && echo own >>/etc/passwd && rm /etc/group && echo x >/tmp/x`}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Remove(context.Background()) })
	var out bytes.Buffer
	if err := c.Start(t.Context(), &out, &out); err != nil {
		t.Fatal(err)
	}
	if exit, err := c.Wait(t.Context()); err != nil || exit.Code != 0 {
		t.Fatalf("%+v %v %s", exit, err, out.String())
	}
	return c.ID()
}

// TestCommitToECR commits any container into the account's own registry, as AWS_ENDPOINT_URL_ECR points to it.
func TestCommitToECR(t *testing.T) {
	t.Parallel()
	e, fake := testEngine(t), registrytest.StartECR(t)
	id := finished(t, e)
	env := []string{"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=hushhush",
		"AWS_ENDPOINT_URL_ECR=" + fake.Endpoint, "AWS_ENDPOINT_URL_STS=" + fake.Endpoint}
	stdout, stderr, code := ferry(t, env, "--log-level", "debug", "commit", id, "--to", "auto", "--module-name", "My Tool",
		"--module-lsid", "urn:lsid:Example.org:m:007:1", "--json")
	var out commit.Frozen
	if code != 0 || json.Unmarshal([]byte(stdout), &out) != nil || out.Outcome != commit.OutcomePushed {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	t.Cleanup(func() { _ = e.Images().RemoveImage(context.Background(), out.Reference) })
	const repo = "my-tool/example.org-m-007"
	if r, ok := fake.Repositories()[repo]; !ok || !r.Immutable || !r.ScanOnPush {
		t.Fatalf("repositories: %+v", fake.Repositories())
	}
	if strings.Contains(stderr, "hush") || strings.Contains(stderr, "token-") {
		t.Errorf("a secret is in the log: %s", stderr)
	}
	tags := fake.Tags(t, repo)
	if len(tags) != 1 || !strings.HasPrefix(tags[0], "1-") {
		t.Fatalf("tags: %q", tags)
	}
	img := fake.Image(t, repo, tags[0])
	if strings.Contains(string(img.Raw), "hush") || img.Config.Entrypoint[0] != "/bin/false" || img.Config.Labels["org.example.own"] != "kept" {
		t.Errorf("configuration: %s", img.Raw)
	}
	files := img.Layers[len(img.Layers)-1].Files
	if f := files["opt/tool/bin/run"]; string(f.Body) != "tool\n" || f.Mode&0o777 != 0o755 {
		t.Errorf("what was added: %+v", f.Header)
	}
	if f := files["etc/passwd"]; !strings.HasSuffix(string(f.Body), "own\n") {
		t.Errorf("what was changed: %q", f.Body)
	}
	if _, ok := files["tmp/x"]; ok {
		t.Error("a temporary file is in the image")
	}
	if !strings.Contains(stderr, "/etc/group was deleted") {
		t.Errorf("nothing is said of what was deleted: %s", stderr)
	}
	if stdout, _, code := ferry(t, env, "commit", "--to", "auto", "--module-name", "My Tool", "--module-lsid", "urn:lsid:Example.org:m:007:1", id); code != 0 || !strings.Contains(stdout, "left alone") {
		t.Errorf("committing again: %d, %s", code, stdout)
	}
}

func TestCommitWithPasswordFile(t *testing.T) {
	t.Parallel()
	e, r := testEngine(t), registrytest.Start(t, registrytest.Options{TLS: true, User: "ann", Password: "hush hush"})
	id := finished(t, e)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hush hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ref := r.Host + "/lab/tool:1"
	if _, stderr, code := ferry(t, nil, "commit", id, "--to", ref); code != cause.Image.Code() || !strings.Contains(stderr, "hint: ") {
		t.Errorf("without a login: %d, %s", code, stderr)
	}
	stdout, stderr, code := ferry(t, nil, "commit", id, "--to", ref, "--registry-user", "ann", "--registry-password-file="+file, "--dir", "/opt/tool")
	t.Cleanup(func() { _ = e.Images().RemoveImage(context.Background(), ref) })
	img := r.Image(t, "lab/tool", "1")
	if code != 0 || strings.TrimSpace(stdout) != ref+"@"+img.Digest || strings.Contains(stderr, "hush") {
		t.Errorf("%d: %s%s", code, stdout, stderr)
	}
	if _, ok := img.Layers[len(img.Layers)-1].Files["etc/passwd"]; ok {
		t.Error("something outside of --dir is in the image")
	}
}

// TestPasswordOfOneRegistry has a job whose image is in a registry that is not the one that the password is for: it is not sent the
// password, though it asks for one.
func TestPasswordOfOneRegistry(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hush hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	testEngine(t)
	store := t.TempDir()
	meta := filepath.Join(store, "jobs/1/.gp_metadata")
	if err := errors.Join(os.MkdirAll(meta, 0o755), os.WriteFile(filepath.Join(meta, "exec.sh"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		host func(asks string) string
		code int
		sent bool
	}{
		{"none named", func(string) string { return "" }, cause.Usage.Code(), false},
		{"another", func(string) string { return "registry.example.org" }, cause.Image.Code(), false},
		{"the same host, another port", func(asks string) string { h, _, _ := strings.Cut(asks, ":"); return h }, cause.Image.Code(), false},
		{"no host", func(asks string) string { return asks + "/lab" }, cause.Usage.Code(), false},
		{"the one that asks", func(asks string) string { return asks }, cause.Image.Code(), true}, // it has no such image
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := registrytest.Start(t, registrytest.Options{User: "ann", Password: "hush hush"})
			var asked, sent atomic.Int32
			r.Fail(func(_ http.ResponseWriter, req *http.Request) bool {
				asked.Add(1)
				if _, password, _ := req.BasicAuth(); password == "hush hush" {
					sent.Add(1)
				}
				return false
			})
			_, stderr, code := ferry(t, nil, "run", "--remote", store, "--job-id", fmt.Sprint("password-", os.Getpid()), "--image", r.Host+"/lab/tool:1", "--freeze", r.Host+"/lab/frozen:1", "--workdir", "/jobs/1",
				"--local-prefix", filepath.Join(t.TempDir(), "local"), "--registry", c.host(r.Host), "--registry-user", "ann", "--registry-password-file", file)
			if code != c.code || strings.Contains(stderr, "hush") {
				t.Errorf("%d, want %d: %s", code, c.code, stderr)
			}
			if (sent.Load() > 0) != c.sent || c.code == cause.Image.Code() && asked.Load() == 0 {
				t.Errorf("of %d requests %d had the password", asked.Load(), sent.Load())
			}
		})
	}
}

// TestRunPullsPrivateImage runs a job whose image is in a registry with a password, known from the engine's own
// configuration file.
func TestRunPullsPrivateImage(t *testing.T) {
	t.Parallel()
	e, r := testEngine(t), registrytest.Start(t, registrytest.Options{User: "ann", Password: "hush"})
	base, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &commit.Freezer{Engine: e, Images: e.Images(), Version: "test", Login: func(context.Context, string) (string, string, error) { return "ann", "hush", nil }}
	ref := r.Host + "/private/module:1"
	if _, err := f.Freeze(t.Context(), commit.Request{Name: ref, Image: base}); err != nil {
		t.Fatal(err)
	}
	if err := e.Images().RemoveImage(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Images().RemoveImage(context.Background(), ref) })
	dir, store := t.TempDir(), t.TempDir()
	config := fmt.Sprintf(`{"auths":{%q:{"auth":"YW5uOmh1c2g="}}}`, r.Host)
	meta := filepath.Join(store, "jobs/1/.gp_metadata")
	for _, err := range []error{os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600), os.MkdirAll(meta, 0o755),
		os.WriteFile(filepath.Join(meta, "exec.sh"), []byte("echo ran >result\n"), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"run", "--remote", store, "--image", ref, "--workdir", "/jobs/1", "--local-prefix", filepath.Join(t.TempDir(), "local"), "--network", "none"}
	if _, stderr, code := ferry(t, nil, args...); code != cause.Image.Code() {
		t.Errorf("without a login: %d, %s", code, stderr)
	}
	_, stderr, code := ferry(t, []string{"DOCKER_CONFIG=" + dir}, args...)
	if got, _ := os.ReadFile(filepath.Join(store, "jobs/1/result")); code != 0 || string(got) != "ran\n" || strings.Contains(stderr, "hush") {
		t.Errorf("%d, %q: %s", code, got, stderr)
	}
}

func TestCommitUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"commit"}, {"commit", "x"}, {"commit", "x", "y", "--to", "z"}, {"commit", "x", "--to"}, {"commit", "--to", "a", "x", "--nonsense=1"},
		{"commit", "ferry-test-none-such", "--to", "a"}, {"commit", "x", "--to", "a", "--registry-user", "u"}} {
		if _, stderr, code := ferry(t, nil, args...); code != cause.Usage.Code() || strings.Count(stderr, "ferry: ") != 1 {
			t.Errorf("ferry %q: %d, %s", args, code, stderr)
		}
	}
}
