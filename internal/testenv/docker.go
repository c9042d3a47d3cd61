package testenv

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
	"strings"
	"sync"
	"testing"
	"time"
)

// An engineAPI speaks to a Docker engine, version 1.41 (Docker 20.10) or later. Tests use it where they need the engine
// itself and not ferry's own client for it, which is what they test.
type engineAPI struct {
	host   string // as in DOCKER_HOST
	base   string // what a request's URL starts with
	client *http.Client
}

var dockerOnce = sync.OnceValues(func() (*engineAPI, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	e := &engineAPI{host: host, base: "http://engine/v1.41", client: &http.Client{}}
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
		return nil, fmt.Errorf("tests do not speak %q", host)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return e, e.call(ctx, "GET", "/version", nil, nil)
})

// Docker requires a Docker engine at DOCKER_HOST, or at the usual socket, and returns its address as for DOCKER_HOST.
func Docker(t testing.TB) string {
	t.Helper()
	return docker(t).host
}

func docker(t testing.TB) *engineAPI {
	t.Helper()
	e, err := dockerOnce()
	Require(t, err == nil, fmt.Sprintf("a Docker engine (scripts/engine.sh start): %v", err))
	return e
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

// call sends body and decodes the JSON answer into v, if not nil. Where the answer is a stream of messages, an error
// among them is returned.
func (e *engineAPI) call(ctx context.Context, method, path string, body io.Reader, v any) error {
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
	defer resp.Body.Close()
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
	for _, line := range strings.Split(string(answer), "\n") {
		var m struct{ Error string }
		if json.Unmarshal([]byte(line), &m) == nil && m.Error != "" {
			return errors.New(m.Error)
		}
	}
	return nil
}
