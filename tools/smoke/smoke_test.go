package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// The smoke test passes with the S3 server of the tests, which stands for any emulator.
func TestSmoke(t *testing.T) {
	s := testenv.S3(t)
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, "smoke"), s.Endpoint, testenv.TransferImage(t))
	cmd.Dir = testenv.Root()
	cmd.Env = testenv.Environ(append(s.Env(), "DOCKER_HOST="+testenv.Docker(t), "FERRY="+testenv.FerryBinary(t), "MODULE_IMAGE="+testenv.ModuleImage(t))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// An emulator that refuses is named, and nothing is left.
func TestSmokeRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(srv.Close)
	tmp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, "smoke"), srv.URL, "ferry-test/none:1")
	cmd.Dir = testenv.Root()
	cmd.Env = testenv.Environ("TMPDIR="+tmp, "DOCKER_HOST="+testenv.Docker(t), "FERRY="+testenv.FerryBinary(t), "MODULE_IMAGE="+testenv.ModuleImage(t))
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "no bucket could be made at "+srv.URL) {
		t.Errorf("%v\n%s", err, out)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}
