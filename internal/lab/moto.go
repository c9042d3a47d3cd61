package lab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A Moto is a running moto server: an AWS emulator whose Batch runs jobs as containers of the engine. Stop ends it.
type Moto struct {
	Endpoint string

	cmd *exec.Cmd
}

// MotoProgram is the path of moto's server, which scripts/moto.sh installs.
func MotoProgram() (string, error) {
	return exec.LookPath(filepath.Join(Root(), "bin", "moto", "bin", "moto_server"))
}

// StartMoto starts moto with the engine at a DOCKER_HOST, and returns when it answers. What it says is in a file of dir.
func StartMoto(ctx context.Context, dir, engine string) (*Moto, error) {
	program, err := MotoProgram()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(dir, "moto.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the server has it
	m := &Moto{Endpoint: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), cmd: exec.Command(program, "-H", "127.0.0.1", "-p", fmt.Sprint(ports[0]))}
	m.cmd.Env = Environ("MOTO_DOCKER_NETWORK_MODE=host", "DOCKER_HOST="+engine)
	m.cmd.Stdout, m.cmd.Stderr = out, out
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // however the test ends
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(startWithin); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get(m.Endpoint + "/moto-api/data.json"); err == nil {
			_ = resp.Body.Close()
			return m, nil
		}
	}
	m.Stop()
	return nil, fmt.Errorf("moto does not answer within %s", startWithin)
}

// Role makes a role and gives its ARN. The environments of Batch need one.
func (m *Moto) Role(ctx context.Context, name string) (string, error) {
	body := strings.NewReader("Action=CreateRole&Version=2010-05-08&RoleName=" + name + "&AssumeRolePolicyDocument=%7B%7D")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Endpoint, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("making a role: %s", resp.Status)
	}
	return "arn:aws:iam::123456789012:role/" + name, nil
}

// Stop ends the server, and returns when it has ended.
func (m *Moto) Stop() {
	_ = m.cmd.Process.Kill() // one that has ended needs none
	_ = m.cmd.Wait()
}
