package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// The options about the connection work alone, with nothing of it in the environment.
func TestConnectionOptions(t *testing.T) {
	srv := testenv.S3TLS(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := testenv.Environ("HOME="+dir, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+write("config", "[profile lab]\nregion = eu-west-2\ns3 =\n  max_concurrent_requests = 2\n[profile odd]\ns3 =\n  max_bandwidth = quick\n"),
		"AWS_SHARED_CREDENTIALS_FILE="+write("credentials", fmt.Sprintf("[lab]\naws_access_key_id = %s\naws_secret_access_key = %s\n[odd]\naws_access_key_id = x\naws_secret_access_key = x\n", srv.AccessKey, srv.SecretKey)))
	file := write("file", "content")
	for _, c := range []struct {
		code int
		text string
		args []string
	}{
		{0, "uploaded 1 file", []string{"--endpoint-url", srv.Endpoint, "--profile", "lab", "--no-verify-ssl"}},
		{0, "uploaded 1 file", []string{"--endpoint-url", srv.Endpoint, "--profile", "lab", "--ca-bundle", srv.CAFile, "--region", srv.Region}},
		{73, "certificate", []string{"--endpoint-url", srv.Endpoint, "--profile", "lab"}},
		{73, "access denied", []string{"--endpoint-url", srv.Endpoint, "--no-sign-request", "--no-verify-ssl"}},
		{73, "no usable credentials", []string{"--endpoint-url", srv.Endpoint, "--no-verify-ssl", "--region", srv.Region}},
		{64, "nobody", []string{"--endpoint-url", srv.Endpoint, "--profile", "nobody"}},
		{64, `"quick" is no rate`, []string{"--endpoint-url", srv.Endpoint, "--profile", "odd"}},
		{64, "reading the CA bundle", []string{"--endpoint-url", srv.Endpoint, "--profile", "lab", "--ca-bundle", filepath.Join(dir, "none")}},
		{64, "is no number of seconds", []string{"--cli-connect-timeout", "soon"}},
	} {
		cmd := exec.Command(testenv.FerryBinary(t), append([]string{"cp", file, "s3://" + srv.Bucket + "/k"}, c.args...)...)
		cmd.Env = env
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(stderr.String(), c.text) {
			t.Errorf("%q: %d, want %d and %q: %s", c.args, got, c.code, c.text, &stderr)
		}
	}
}

// --source-region is for a copy's source alone, and is followed like any other where it is wrong.
func TestSourceRegion(t *testing.T) {
	srv := testenv.S3(t)
	if err := os.WriteFile(filepath.Join(srv.Dir, "a"), []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := testenv.Proxy(t, srv.Endpoint)
	cmd := exec.Command(testenv.FerryBinary(t), "cp", "s3://"+srv.Bucket+"/a", "s3://"+srv.Bucket+"/b", "--region", srv.Region, "--source-region", "eu-west-3", "--quiet")
	cmd.Env = testenv.Environ(p.Via(srv).Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	signed := map[string]bool{}
	for _, r := range p.Requests() {
		for _, region := range []string{srv.Region, "eu-west-3"} {
			if strings.Contains(r.Header.Get("Authorization"), "/"+region+"/s3/") {
				signed[r.Kind+" "+region] = true
			}
		}
	}
	if !signed["HeadObject eu-west-3"] || !signed["HeadObject "+srv.Region] || !signed["CopyObject "+srv.Region] || signed["CopyObject eu-west-3"] {
		t.Errorf("signed %v", signed)
	}
}
