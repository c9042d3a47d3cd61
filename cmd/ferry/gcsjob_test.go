package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// withStores runs ferry with a bucket of each cloud.
func withStores(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(testenv.FerryBinary(t), args...)
	cmd.Env = testenv.Environ(append(env, "DOCKER_HOST="+testenv.Docker(t), "AWS_EC2_METADATA_DISABLED=true", "HOME="+t.TempDir())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// treeOf is what a directory holds: contents, modes, times and empty directories.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, dir)
		if d.IsDir() {
			all[name+"/"] = info.Mode().String()
			return nil
		}
		b, err := os.ReadFile(p)
		all[name] = info.Mode().String() + info.ModTime().UTC().Format(time.RFC3339Nano) + string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A job runs from Google Cloud Storage to Google Cloud Storage, and what it left goes on to another cloud and back, as it was.
func TestRunOnGoogle(t *testing.T) {
	t.Parallel()
	g, s3 := testenv.GCS(t), testenv.S3(t)
	p := testenv.Proxy(t, g.Endpoint)
	env := append(s3.Env(), g.Via(p).Env()...)
	root := "gs://" + g.Bucket + "/root"
	src := t.TempDir()
	large := storetest.Bytes(9 << 20) // more than one request takes
	for name, content := range map[string][]byte{"in/a b+é.txt": []byte("a"), "in/large": large, "jobs/1/.gp_metadata/exec.sh": []byte("cp /in/large . && chmod 750 large && mkdir -p made/empty && cat '/in/a b+é.txt' > made/result\n")} {
		path := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, stderr := withStores(t, env, "sync", src, root); code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	p.Clear()
	code, _, stderr := withStores(t, env, "run", "--remote", root, "--image", testenv.ModuleImage(t), "--local-prefix", t.TempDir(), "--workdir", "/jobs/1", "--input", "/in")
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	for _, r := range p.Requests() {
		if r.Method == "HEAD" {
			t.Errorf("a HEAD of %s", r.Key)
		}
	}
	got := t.TempDir()
	if code, _, stderr := withStores(t, env, "sync", "--preserve", root+"/jobs/1", got); code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	results := treeOf(t, got)
	if !strings.HasPrefix(results["/large"], "-rwxr-x---") || !strings.HasSuffix(results["/large"], string(large)) || !strings.HasSuffix(results["/made/result"], "Za") || results["/made/empty/"] == "" {
		t.Errorf("%d files, of which large is %.40q, result %q, empty %q", len(results), results["/large"], results["/made/result"], results["/made/empty/"])
	}
	// Around the world: to another cloud, back, and home.
	for _, way := range [][2]string{{root + "/jobs/1", "s3://" + s3.Bucket + "/there"}, {"s3://" + s3.Bucket + "/there", "gs://" + g.Bucket + "/back"}, {"gs://" + g.Bucket + "/back", "gs://" + g.Bucket + "/copied"}} {
		if code, _, stderr := withStores(t, env, "sync", "--preserve", way[0], way[1]); code != 0 {
			t.Fatalf("%v: %d: %s", way, code, stderr)
		}
		if _, stdout, _ := withStores(t, env, "sync", "--preserve", "--dryrun", "--size-only", way[0], way[1]); stdout != "" {
			t.Errorf("%v: not all is there: %s", way, stdout)
		}
	}
	again := t.TempDir()
	if code, _, stderr := withStores(t, env, "sync", "--preserve", "gs://"+g.Bucket+"/copied", again); code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	back := treeOf(t, again)
	for name, was := range results {
		own := strings.HasPrefix(name, "/.gp_metadata/") // whose times are the store's
		if back[name] != was && (!own || back[name] == "") {
			t.Errorf("%s: %.60q became %.60q", name, was, back[name])
		}
	}
	// What was stored is not sent again, and a file that is gone is removed.
	if err := os.Remove(filepath.Join(got, "made/result")); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := withStores(t, env, "sync", "--preserve", "--delete", got, root+"/jobs/1"); code != 0 || strings.TrimSpace(stdout) != "delete: "+root+"/jobs/1/made/result" {
		t.Errorf("%d: %s%s", code, stdout, stderr)
	}
}

// The doctor's word, and a job's, on a remote root in Google Cloud Storage that cannot be used.
func TestGoogleFails(t *testing.T) {
	t.Parallel()
	g := testenv.GCS(t)
	none := filepath.Join(t.TempDir(), "none.json")
	for name, c := range map[string]struct {
		env    []string
		remote string
		want   string
		hint   string
	}{
		"no bucket":      {g.Env(), "gs://no-such-bucket/root", "no such bucket", "is the bucket's name right?"},
		"no credentials": {[]string{"GOOGLE_APPLICATION_CREDENTIALS=" + none}, "gs://" + g.Bucket + "/root", "no usable credentials", "gcloud auth application-default login"},
		"nobody listens": {[]string{"STORAGE_EMULATOR_HOST=" + closedPort(t)}, "gs://" + g.Bucket + "/root", "store cannot be reached", "STORAGE_EMULATOR_HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stdout, stderr := withStores(t, c.env, "doctor", "--remote", c.remote, "--local-prefix", t.TempDir())
			if !strings.Contains(stdout, c.want) || !strings.Contains(stdout, c.hint) {
				t.Errorf("the doctor says %s%s", stdout, stderr)
			}
			code, _, stderr := withStores(t, c.env, "run", "--remote", c.remote, "--image", testenv.ModuleImage(t), "--local-prefix", t.TempDir(), "--workdir", "/jobs/1", "--input", "/in")
			if code != 65 || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, c.hint) {
				t.Errorf("%d: %s", code, stderr)
			}
		})
	}
	code, stdout, _ := withStores(t, g.Env(), "doctor", "--remote", "gs://"+g.Bucket+"/root", "--local-prefix", t.TempDir())
	if !strings.Contains(stdout, "store") || strings.Contains(stdout, "AWS_") {
		t.Errorf("%d: %s", code, stdout)
	}
}
