package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// tree makes files with modes and a time, an empty directory, and one in blocks.
func tree(t *testing.T, when time.Time) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"a.txt": "a", "sub/b c.txt": "b", "sub/ünï.gct": "ü", "big.bin": strings.Repeat("0123456789abcdef", 3<<17)} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{os.Chmod(filepath.Join(dir, "a.txt"), 0o750), os.Mkdir(filepath.Join(dir, "empty"), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// same compares what a tree was and is: names, content, modes and times.
func same(t *testing.T, want, got string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "diff", "-r", want, got).CombinedOutput(); err != nil {
		t.Errorf("%s and %s differ: %s", want, got, out)
	}
	for _, name := range []string{"a.txt", "empty"} {
		w, err := os.Stat(filepath.Join(want, name))
		g, err2 := os.Stat(filepath.Join(got, name))
		if err != nil || err2 != nil || w.Mode() != g.Mode() || !w.IsDir() && !w.ModTime().Equal(g.ModTime()) {
			t.Errorf("%s: %v, %v, %v, %v", name, w, g, err, err2)
		}
	}
}

// A tree goes to Azure, from there to S3 and back again by streams, and is what it was; what has not changed is left alone.
func TestSyncAzure(t *testing.T) {
	t.Parallel()
	c, s := testenv.Azure(t), testenv.S3(t)
	env := append(c.Env(), s.Env()...)
	src, dst := tree(t, time.Date(2001, 2, 3, 4, 5, 6, 789e6, time.UTC)), t.TempDir()
	at := func(from, to string) string {
		t.Helper()
		stdout, stderr, code := ferry(t, env, "sync", from, to, "--preserve", "--az-block-size", "1m")
		if code != 0 {
			t.Fatalf("sync %s %s: %d, %s", from, to, code, stderr)
		}
		return stdout
	}
	at(src, c.URL+"/p")
	if again := at(src, c.URL+"/p"); again != "" {
		t.Errorf("again: %s", again)
	}
	at(c.URL+"/p", "s3://"+s.Bucket+"/q")
	at("s3://"+s.Bucket+"/q", c.URL+"/r")
	at(c.URL+"/r", dst)
	same(t, src, dst)
	if again := at(c.URL+"/r", dst); again != "" {
		t.Errorf("again: %s", again)
	}
	if _, stderr, code := ferry(t, env, "sync", t.TempDir(), c.URL+"/r", "--delete"); code != 0 {
		t.Errorf("--delete: %d, %s", code, stderr)
	}
	if stdout, stderr, code := ferry(t, env, "sync", c.URL+"/r", t.TempDir(), "--dryrun"); code != 0 || stdout != "" {
		t.Errorf("left: %d, %s%s", code, stdout, stderr)
	}
}

// A job in Azure runs as one in S3 does, through a store that fails now and then; stage-out lists nothing; and no key is in what it leaves.
func TestRunAzure(t *testing.T) {
	t.Parallel()
	c := testenv.Azure(t)
	p := testenv.Proxy(t, c.Endpoint)
	env := append(c.Via(p).Env(), "DOCKER_HOST="+testenv.Docker(t))
	src := tree(t, time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)) // busybox keeps whole seconds
	for from, to := range map[string]string{src: "/in", script(t, "cp -r -p /in/. .\necho said\n"): "/jobs/1/.gp_metadata"} {
		if _, stderr, code := ferry(t, env, "sync", from, c.URL+"/root"+to, "--preserve"); code != 0 {
			t.Fatal(stderr)
		}
	}
	p.Clear()
	for _, f := range []testenv.Fault{{Status: 503}, {Reset: true}, {LoseAnswer: true}, {Cut: 1}} {
		p.Add(testenv.Rule{Every: 9, Fault: f})
	}
	stdout, stderr, code := ferry(t, env, "run", "--remote", c.URL+"/root", "--image", testenv.ModuleImage(t), "--workdir", "/jobs/1", "--input", "/in",
		"--local-prefix", filepath.Join(t.TempDir(), "local"), "--network", "none", "--az-block-size", "1m")
	if code != 0 || !strings.Contains(stdout, "said") {
		t.Fatalf("%d, %q: %s", code, stdout, stderr)
	}
	listed := 0
	for _, r := range p.Requests() {
		if r.Kind == "ListObjectsV2" && !r.Fault {
			listed++
		}
	}
	if listed > 3 { // the metadata dir, the working dir and /in, on the way in
		t.Errorf("%d listings", listed)
	}
	p.Clear()
	back := t.TempDir()
	if _, stderr, code := ferry(t, env, "sync", c.URL+"/root/jobs/1", back, "--preserve"); code != 0 {
		t.Fatal(stderr)
	}
	for _, name := range []string{"run.json", "exit_code.txt", "transfer.log"} {
		text, err := os.ReadFile(filepath.Join(back, ".gp_metadata", name))
		if err != nil || strings.Contains(string(text)+stderr, c.Key) || strings.Contains(string(text), url.QueryEscape(c.Key)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.RemoveAll(filepath.Join(back, ".gp_metadata")); err != nil {
		t.Fatal(err)
	}
	same(t, src, back)
}

// script is a directory with an exec.sh.
func script(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "exec.sh"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A job is submitted with its files in Azure, followed, and its results fetched. doctor finds nothing wrong with such a store.
func TestSubmitAzure(t *testing.T) {
	t.Parallel()
	c := testenv.Azure(t)
	home := t.TempDir()
	env := append(c.Env(), "DOCKER_HOST="+testenv.Docker(t), "XDG_STATE_HOME="+home)
	work := t.TempDir()
	if err := os.WriteFile(filepath.Join(work, "in.txt"), []byte("input"), 0o644); err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(t.TempDir(), "local")
	_, stderr, code := ferry(t, env, "submit", "--wait", "--to", "local", "--remote", c.URL+"/root", "--image", testenv.ModuleImage(t), "--local-prefix", local,
		"--workdir", work, "--network", "none", "--", "sh", "-c", "tr a-z A-Z <in.txt >out.txt")
	out, err := os.ReadFile(filepath.Join(work, "out.txt"))
	if code != 0 || string(out) != "INPUT" {
		t.Fatalf("%d, %q, %v: %s", code, out, err, stderr)
	}
	err = filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), c.Key) {
			return fmt.Errorf("%s shows the key, %w", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	stdout, stderr, code := ferry(t, env, "doctor", "--remote", c.URL+"/root", "--local-prefix", local)
	for _, want := range []string{"ok    list", "ok    read and write", "ok    clock"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%d: no %q in %s%s", code, want, stdout, stderr)
		}
	}
}

// A job's root is in records, so a signature in it is refused, and not shown.
func TestSignedRoot(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run", "--image", "x:1", "--workdir", "/w"}, {"submit", "--image", "x:1", "--", "true"}} {
		_, stderr, code := ferry(t, nil, append(args[:1:1], append([]string{"--remote", "https://account.blob.core.windows.net/container/p?sv=1&sig=hush"}, args[1:]...)...)...)
		if code != cause.Usage.Code() || !strings.Contains(stderr, "az://account/container/p") || strings.Contains(stderr, "hush") {
			t.Errorf("%q: %d, %s", args, code, stderr)
		}
	}
}
