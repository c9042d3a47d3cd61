package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// An Engine speaks to a Docker engine, version 1.41 of its API (Docker 20.10) or later, by plain HTTP: ferry's own client is what
// tests test. It is safe for concurrent use.
type Engine struct {
	Host    string // as in DOCKER_HOST
	Started bool   // by StartEngine, because none answered

	base   string // what a request's URL starts with
	client *http.Client
}

// answerWithin bounds the engine's first answer.
const answerWithin = 10 * time.Second

// FindEngine is the engine at DOCKER_HOST, or at the usual socket. It is an error where none answers.
func FindEngine(ctx context.Context) (*Engine, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	e, err := newEngine(host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return e, e.Call(ctx, "GET", "/version", nil, nil)
}

// StartEngine is the engine that answers. Where none does, scripts/engine.sh installs and starts one, which goes on running:
// stopping it is the business of whoever asks for that script's "stop". What the script has to say goes to log.
func StartEngine(ctx context.Context, log io.Writer) (*Engine, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(Root(), "scripts", "engine.sh"), "start")
	cmd.Stderr = log
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("starting a Docker engine: %w", err)
	}
	state, host, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !ok {
		return nil, fmt.Errorf("engine.sh said %q", out)
	}
	e, err := newEngine(host)
	if err == nil {
		e.Started = state == "started"
	}
	return e, err
}

// newEngine asks the engine nothing yet.
func newEngine(host string) (*Engine, error) {
	e := &Engine{Host: host, base: "http://engine/v1.41", client: &http.Client{}}
	u, err := url.Parse(host)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "unix":
		e.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", u.Path)
		}}
	case "tcp":
		e.base = "http://" + u.Host + "/v1.41"
	default:
		return nil, fmt.Errorf("the lab does not speak %q", host)
	}
	return e, nil
}

// Socket is the path of the engine's socket. An engine on another machine has none, which is an error.
func (e *Engine) Socket() (string, error) {
	path, ok := strings.CutPrefix(e.Host, "unix://")
	if !ok {
		return "", fmt.Errorf("this needs an engine on this machine: DOCKER_HOST is %s", e.Host)
	}
	return path, nil
}

// Docker is a command of the docker client for this engine, with variables besides those of Environ.
func (e *Engine) Docker(ctx context.Context, extra []string, args ...string) *exec.Cmd {
	return Command(ctx, append([]string{"DOCKER_HOST=" + e.Host}, extra...), "docker", args...)
}

// A statusError is the engine's refusal.
type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the engine answers %d: %s", e.code, e.message)
}

func isNotFound(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == http.StatusNotFound
}

// Call sends body, a tar archive, and decodes the JSON answer into v, if not nil. Where the answer is a stream of messages,
// an error among them is returned.
func (e *Engine) Call(ctx context.Context, method, path string, body io.Reader, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, e.base+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-tar")
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &statusError{resp.StatusCode, strings.TrimSpace(string(answer))}
	}
	if v != nil {
		return json.Unmarshal(answer, v)
	}
	for line := range strings.SplitSeq(string(answer), "\n") {
		var m struct{ Error string }
		if json.Unmarshal([]byte(line), &m) == nil && m.Error != "" {
			return errors.New(m.Error)
		}
	}
	return nil
}
