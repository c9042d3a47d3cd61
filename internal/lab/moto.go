package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Moto is a running moto server: an AWS emulator whose Batch runs jobs as containers of the engine. Stop ends it.
type Moto struct {
	Endpoint string

	cmd   *exec.Cmd
	front *http.Server
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
	own := fmt.Sprintf("127.0.0.1:%d", ports[0])
	m := &Moto{cmd: exec.Command(program, "-H", "127.0.0.1", "-p", fmt.Sprint(ports[0]))}
	m.cmd.Env = Environ("MOTO_DOCKER_NETWORK_MODE=host", "DOCKER_HOST="+engine)
	m.cmd.Stdout, m.cmd.Stderr = out, out
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // however the test ends
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(startWithin); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get("http://" + own + "/moto-api/data.json"); err == nil {
			_ = resp.Body.Close()
			err = m.serve(own)
			if err != nil {
				m.Stop()
			}
			return m, err
		}
	}
	m.Stop()
	return nil, fmt.Errorf("moto does not answer within %s", startWithin)
}

// fraction is a number that AWS writes without one. The SDK refuses moto's 1.0.
var fraction = regexp.MustCompile(`("(?:vcpus|timestamp|ingestionTime)": *\d+)\.\d+`)

// serve puts a server before moto's own that passes all on, and writes whole numbers as AWS does.
func (m *Moto) serve(own string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: own})
	p.ErrorLog = log.New(io.Discard, "", 0)
	p.ModifyResponse = func(r *http.Response) error {
		if r.Request.URL.Path != "/v1/describejobs" && !strings.HasPrefix(r.Request.Header.Get("X-Amz-Target"), "Logs_") {
			return nil
		}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		data = fraction.ReplaceAll(data, []byte("$1"))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
		r.Header.Set("Content-Length", strconv.Itoa(len(data)))
		return nil
	}
	m.Endpoint, m.front = "http://"+l.Addr().String(), &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = m.front.Serve(l) }()
	return nil
}

// Env are the variables that make every AWS client use it.
func (m *Moto) Env() []string {
	return []string{"AWS_ENDPOINT_URL=" + m.Endpoint, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1"}
}

// Bucket makes a bucket. Its name has three characters at least.
func (m *Moto) Bucket(ctx context.Context, name string) error {
	return m.call(ctx, http.MethodPut, "s3", "/"+name, "", nil)
}

// Queue makes a queue of Batch whose jobs run on the engine.
func (m *Moto) Queue(ctx context.Context, name string) error {
	role, err := m.Role(ctx, name)
	if err != nil {
		return err
	}
	var made struct {
		ARN string `json:"computeEnvironmentArn"`
	}
	if err := m.call(ctx, http.MethodPost, "batch", "/v1/createcomputeenvironment", fmt.Sprintf(`{"computeEnvironmentName": %q, "type": "UNMANAGED", "serviceRole": %q}`, name, role), &made); err != nil {
		return err
	}
	return m.call(ctx, http.MethodPost, "batch", "/v1/createjobqueue", fmt.Sprintf(`{"jobQueueName": %q, "priority": 1, "state": "ENABLED", "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": %q}]}`, name, made.ARN), nil)
}

// Definition registers a job definition, as `ferry jobdef` prints it.
func (m *Moto) Definition(ctx context.Context, document string) error {
	return m.call(ctx, http.MethodPost, "batch", "/v1/registerjobdefinition", document, nil)
}

// call calls moto, which wants to see no valid signature but the service's name.
func (m *Moto) call(ctx context.Context, method, service, path, body string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, m.Endpoint+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=x")
	if service == "iam" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("moto: %s %s: %s: %s", service, path, resp.Status, said)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(said, answer)
	}
	return err
}

// Role makes a role and gives its ARN. The environments of Batch need one.
func (m *Moto) Role(ctx context.Context, name string) (string, error) {
	if err := m.call(ctx, http.MethodPost, "iam", "/", "Action=CreateRole&Version=2010-05-08&RoleName="+name+"&AssumeRolePolicyDocument=%7B%7D", nil); err != nil {
		return "", err
	}
	return "arn:aws:iam::123456789012:role/" + name, nil
}

// Stop ends the server, and returns when it has ended.
func (m *Moto) Stop() {
	if m.front != nil {
		_ = m.front.Close()
	}
	_ = m.cmd.Process.Kill() // one that has ended needs none
	_ = m.cmd.Wait()
}
