package main

import (
	"net"
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

// Nobody listens: it says so, and where, and leaves nothing.
func TestSmokeWithoutAnEndpoint(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, "smoke"), endpoint, "ferry-test/none:1")
	cmd.Dir = testenv.Root()
	cmd.Env = testenv.Environ("DOCKER_HOST="+testenv.Docker(t), "FERRY="+testenv.FerryBinary(t), "MODULE_IMAGE="+testenv.ModuleImage(t))
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "no bucket could be made at "+endpoint) {
		t.Errorf("%v\n%s", err, out)
	}
}
