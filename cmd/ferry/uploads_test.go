package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/testenv"
)

// The doctor names uploads in parts that nobody ended, and aborts them where it is asked to. Young ones and those of others stay.
func TestDoctorUploads(t *testing.T) {
	srv := testenv.S3(t)
	client := srv.Client()
	for _, key := range []string{"root/jobs/1/big.bam", "root2/x"} {
		up, err := client.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &srv.Bucket, Key: aws.String(key)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: &srv.Bucket, Key: aws.String(key), UploadId: up.UploadId, PartNumber: aws.Int32(1),
			Body: bytes.NewReader(make([]byte, 1<<20))}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		flags []string
		code  int
		line  string
		left  int
	}{
		{nil, 0, "ok uploads none is left over", 2},
		{[]string{"--abort-uploads"}, 0, "ok uploads none is left over", 2},
		{[]string{"--upload-age", "1ns"}, 1, "FAIL uploads 1 never ended, 1MiB, no part for 1ns, \"s3://" + srv.Bucket + "/root/jobs/1/big.bam\" begun ", 2},
		{[]string{"--upload-age", "1ns", "--abort-uploads"}, 0, "ok uploads 1 aborted, 1MiB, \"s3://" + srv.Bucket + "/root/jobs/1/big.bam\" begun ", 1},
		{[]string{"--upload-age", "1ns"}, 0, "ok uploads none is left over", 1},
	} {
		args := append([]string{"doctor", "--local-prefix", t.TempDir(), "--remote", "s3://" + srv.Bucket + "/root"}, c.flags...)
		stdout, stderr, code := ferry(t, srv.Env(), args...)
		line := ""
		for l := range strings.Lines(stdout) {
			if f := strings.Fields(l); len(f) > 1 && f[1] == "uploads" {
				line = strings.Join(f, " ")
			}
		}
		if code != c.code || !strings.HasPrefix(line, c.line) || c.code != 0 && !strings.Contains(stdout, "--abort-uploads removes them") {
			t.Errorf("%q: %d, line %q\n%s%s", c.flags, code, line, stdout, stderr)
		}
		out, err := client.ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: &srv.Bucket})
		if err != nil || len(out.Uploads) != c.left {
			t.Errorf("%q: %d uploads are left, %v", c.flags, len(out.Uploads), err)
		}
	}
}

// In a directory as the store, uploads that nobody ended are files in the making. One that somebody still writes, and files of other names,
// stay.
func TestDoctorPartFiles(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a/.ferry-part-7-1-abc", "jobs/1/.ferry-part-7-2-abc", "jobs/1/.ferry-part-8-1-abc", "jobs/1/a.txt"} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, make([]byte, 1<<20), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := os.Open(filepath.Join(root, "jobs/1/.ferry-part-8-1-abc"))
	if err == nil {
		err = syscall.Flock(int(writer.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	for _, c := range []struct {
		flags []string
		code  int
		line  string
		left  int
	}{
		{[]string{"--upload-age", "1ns"}, 1, "FAIL uploads 2 never ended, 2MiB, no part for 1ns, \"file://" + root + "/a/.ferry-part-7-1-abc\" begun ", 4},
		{[]string{"--upload-age", "1ns", "--abort-uploads"}, 0, "ok uploads 2 aborted, 2MiB, ", 2},
	} {
		args := append([]string{"doctor", "--local-prefix", t.TempDir(), "--remote", "file://" + root}, c.flags...)
		stdout, stderr, code := ferry(t, nil, args...)
		line := ""
		for l := range strings.Lines(stdout) {
			if f := strings.Fields(l); len(f) > 1 && f[1] == "uploads" {
				line = strings.Join(f, " ")
			}
		}
		if code != c.code || !strings.HasPrefix(line, c.line) || c.code != 0 && !strings.Contains(stdout, "so does what ferry next writes") {
			t.Errorf("%q: %d, line %q\n%s%s", c.flags, code, line, stdout, stderr)
		}
		left := 0
		if err := filepath.WalkDir(root, func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				left++
			}
			return err
		}); err != nil || left != c.left {
			t.Errorf("%q: %d files are left, %v", c.flags, left, err)
		}
	}
}
