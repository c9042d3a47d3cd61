package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// storeJob runs a job of one input with the server, in this machine's engine, and gives its exit code and its stderr.
func storeJob(t *testing.T, srv *testenv.Server, args ...string) (code int, stderr string) {
	t.Helper()
	host, image := testenv.Docker(t), testenv.ModuleImage(t)
	args = append([]string{"run", "--remote", "s3://" + srv.Bucket + "/root", "--image", image, "--local-prefix", t.TempDir(), "--workdir", "/jobs/1", "--input", "/in"}, args...)
	cmd := exec.Command(testenv.FerryBinary(t), args...)
	cmd.Env = testenv.Environ(append(srv.Env(), "DOCKER_HOST="+host, "AWS_EC2_METADATA_DISABLED=true")...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}

// jobFiles puts what storeJob needs into the server.
func jobFiles(t *testing.T, srv *testenv.Server) {
	t.Helper()
	for name, text := range map[string]string{"in/a": "a", "in/cold": "c", "jobs/1/.gp_metadata/exec.sh": "cat /in/a > result.html\n"} {
		path := filepath.Join(srv.Dir, "root", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// A job's results have what the job asked for, and every request says who pays.
func TestRunStoreOptions(t *testing.T) {
	srv := testenv.S3(t)
	jobFiles(t, srv)
	p := testenv.Proxy(t, srv.Endpoint)
	code, stderr := storeJob(t, p.Via(srv), "--sse", "aws:kms", "--sse-kms-key-id", "k1", "--storage-class", "STANDARD_IA", "--acl", "bucket-owner-full-control", "--request-payer", "requester")
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	results := 0
	for _, r := range p.Requests() {
		if r.Header.Get("X-Amz-Request-Payer") != "requester" {
			t.Errorf("%s %s says nothing of who pays", r.Kind, r.Key)
		}
		if r.Kind != "PutObject" {
			continue
		}
		if r.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != "k1" ||
			r.Header.Get("X-Amz-Storage-Class") != "STANDARD_IA" || r.Header.Get("X-Amz-Acl") != "bucket-owner-full-control" {
			t.Errorf("%s: %v", r.Key, r.Header)
		}
		if strings.HasSuffix(r.Key, "/result.html") {
			results++
			if got := r.Header.Get("Content-Type"); got != "text/html" {
				t.Errorf("the result is %q", got)
			}
		}
	}
	if results != 1 {
		t.Errorf("the result was sent %d times", results)
	}
	for _, bad := range [][]string{{"--sse", "none"}, {"--storage-class", "X"}, {"--acl", "mine"}, {"--request-payer", "me"}} {
		if code, stderr := storeJob(t, srv, bad...); code != 64 || !strings.Contains(stderr, bad[0]+": ") || !strings.Contains(stderr, "is none of") {
			t.Errorf("%v: %d, %s", bad, code, stderr)
		}
	}
}

// A job whose input is archived says so, and what to do; nobody reads "access denied".
func TestRunArchived(t *testing.T) {
	srv := testenv.S3(t)
	jobFiles(t, srv)
	for _, class := range []string{"GLACIER", "DEEP_ARCHIVE"} {
		code, stderr := storeJob(t, testenv.Archive(t, srv, class, "root/in/cold"))
		if code != 65 || !strings.Contains(stderr, "object is archived, restore it first") || !strings.Contains(stderr, "root/in/cold") || !strings.Contains(stderr, "restore-object") || strings.Contains(stderr, "denied") {
			t.Errorf("%s: %d, %s", class, code, stderr)
		}
	}
}
