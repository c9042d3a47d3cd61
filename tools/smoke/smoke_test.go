package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

// The smoke test passes with every emulator, each of them real.
func TestSmoke(t *testing.T) {
	_, err := lab.LocalStackProgram()
	testenv.Require(t, err == nil, "LocalStack: scripts/localstack.sh install")
	_, err = lab.MotoProgram()
	testenv.Require(t, err == nil, "moto: scripts/moto.sh install")
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, "smoke"), "", testenv.TransferImage(t))
	cmd.Dir = testenv.Root()
	cmd.Env = testenv.Environ("DOCKER_HOST="+testenv.Docker(t), "FERRY="+testenv.FerryBinary(t), "MODULE_IMAGE="+testenv.ModuleImage(t))
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "all is well with") != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The same against moto, whose Batch runs the job that is submitted to it in a real container.
func TestSmokeMoto(t *testing.T) {
	host, transfer := testenv.Docker(t), testenv.TransferImage(t)
	_, err := lab.MotoProgram()
	testenv.Require(t, err == nil, "moto (scripts/moto.sh install)")
	testenv.Require(t, os.Geteuid() == 0, "root, to make /local")
	m, err := lab.StartMoto(t.Context(), t.TempDir(), host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	if err := m.Queue(t.Context(), "smoke"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("/local", 0o755); err == nil { // of the definition; a node has it
		t.Cleanup(func() { _ = os.Remove("/local") }) // what another test keeps there stays
	}
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, "smoke"), m.Endpoint, transfer)
	cmd.Dir = testenv.Root()
	cmd.Env = testenv.Environ(append(m.Env(), "DOCKER_HOST="+host, "FERRY="+testenv.FerryBinary(t), "MODULE_IMAGE="+testenv.ModuleImage(t), "BATCH_QUEUE=smoke")...)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "exit code of ferry submit --to batch:smoke") {
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
