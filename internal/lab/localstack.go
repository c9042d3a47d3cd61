package lab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A LocalStack is a running LocalStack with S3: an AWS emulator that starts on the host, without Docker and without a token. Stop ends it.
type LocalStack struct {
	Endpoint string

	cmd *exec.Cmd
}

// LocalStackProgram is the path of the Python that scripts/localstack.sh gives LocalStack's runtime.
func LocalStackProgram() (string, error) {
	return exec.LookPath(filepath.Join(Root(), "bin", "localstack", "bin", "python"))
}

// StartLocalStack starts it, and returns when it answers. Its state and what it says are in files of dir. It does what `localstack
// start --host` does, and loads no service but S3.
func StartLocalStack(ctx context.Context, dir string) (*LocalStack, error) {
	program, err := LocalStackProgram()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(dir, "localstack.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the server has it
	at := fmt.Sprintf("127.0.0.1:%d", ports[0])
	l := &LocalStack{Endpoint: "http://" + at, cmd: exec.Command(program, "-m", "localstack.runtime.main")}
	l.cmd.Dir = dir
	// It says nothing to its makers, asks for no certificate of theirs, and serves no names.
	l.cmd.Env = Environ("GATEWAY_LISTEN="+at, "SERVICES=s3", "DISABLE_EVENTS=1", "SKIP_SSL_CERT_DOWNLOAD=1", "DNS_ADDRESS=0",
		"FILESYSTEM_ROOT="+filepath.Join(dir, "localstack"), "PYTHONDONTWRITEBYTECODE=1")
	l.cmd.Stdout, l.cmd.Stderr = out, out
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // however the test ends
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(startWithin); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get(l.Endpoint + "/_localstack/health"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return l, nil
			}
		}
	}
	l.Stop()
	said, _ := os.ReadFile(out.Name())
	return nil, fmt.Errorf("LocalStack does not answer within %s: %s", startWithin, said)
}

// Stop ends it, and returns when it has ended.
func (l *LocalStack) Stop() {
	_ = l.cmd.Process.Kill() // one that has ended needs none
	_ = l.cmd.Wait()
}
