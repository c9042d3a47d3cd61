package testenv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

const payload = "0123456789"

// backend answers GET with payload and keeps what was PUT. It refuses a request whose Host is not the proxy's.
func backend(t *testing.T, stored *bytes.Buffer) *FaultProxy {
	var p *FaultProxy
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if "http://"+r.Host != p.URL {
			t.Errorf("the server saw Host %q behind %s", r.Host, p.URL)
		}
		if r.Method == "PUT" {
			stored.Reset()
			_, _ = io.Copy(stored, r.Body)
			return
		}
		_, _ = io.WriteString(w, payload)
	}))
	t.Cleanup(srv.Close)
	p = Proxy(t, srv.URL)
	return p
}

func get(url string) (string, int, error) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return string(b), resp.StatusCode, err
}

func TestProxyFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault Fault
		body  string
		code  int
		is    error
	}{
		{"none", Fault{}, payload, 200, nil},
		{"delay", Fault{Delay: time.Millisecond}, payload, 200, nil},
		{"status", Fault{Status: 503}, "", 503, nil},
		{"reset", Fault{Reset: true}, "", 0, syscall.ECONNRESET},
		{"lost answer", Fault{LoseAnswer: true}, "", 0, syscall.ECONNRESET},
		{"cut", Fault{Cut: 4}, payload[:4], 200, io.ErrUnexpectedEOF},
		{"flip", Fault{Flip: 3}, "01\xcd3456789", 200, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := backend(t, new(bytes.Buffer))
			p.Add(Rule{Fault: tt.fault})
			body, code, err := get(p.URL + "/b/k")
			if !errors.Is(err, tt.is) || code != tt.code {
				t.Errorf("got status %d, %v, want %d, %v", code, err, tt.code, tt.is)
			}
			if tt.fault.Status != 0 {
				if !strings.Contains(body, "<Code>SlowDown</Code>") {
					t.Errorf("body %q names no S3 error", body)
				}
			} else if body != tt.body {
				t.Errorf("got body %q, want %q", body, tt.body)
			}
		})
	}
}

func TestProxyStall(t *testing.T) {
	p := backend(t, new(bytes.Buffer))
	p.Add(Rule{Fault: Fault{Cut: 2, ThenStall: true}})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", p.URL+"/b/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the cut: %v", err)
	}
}

func TestProxyFlipUpload(t *testing.T) {
	var stored bytes.Buffer
	p := backend(t, &stored)
	p.Add(Rule{Kind: "PutObject", Fault: Fault{FlipUpload: 1}})
	req, err := http.NewRequest("PUT", p.URL+"/b/k", strings.NewReader("A1"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := stored.String(); got != "\xbe1" {
		t.Errorf("stored %q", got)
	}
}

func TestProxyWhich(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule Rule
		want string // f for a failed request
	}{
		{"all", Rule{}, "ffffff"},
		{"from the third on", Rule{After: 2}, "..ffff"},
		{"the second", Rule{After: 1, Times: 1}, ".f...."},
		{"every third", Rule{Every: 3}, "..f..f"},
		{"one in two, once", Rule{Every: 2, Times: 1}, ".f...."},
		{"another kind", Rule{Kind: "PutObject"}, "......"},
		{"by key", Rule{Match: func(r Request) bool { return r.Key == "k" }}, "ffffff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := backend(t, new(bytes.Buffer))
			tt.rule.Fault = Fault{Status: 500}
			p.Add(tt.rule)
			var got strings.Builder
			for range tt.want {
				_, code, err := get(p.URL + "/b/k")
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString(map[int]string{200: ".", 500: "f"}[code])
			}
			if got.String() != tt.want {
				t.Errorf("got %s, want %s", got.String(), tt.want)
			}
			if n := p.Count("GetObject"); n != len(tt.want) {
				t.Errorf("counted %d requests, want %d", n, len(tt.want))
			}
		})
	}
}

func TestProxyBeforeS3(t *testing.T) {
	s := S3(t)
	via := Proxy(t, s.Endpoint).Via(s)
	if _, code, err := get(via.Endpoint + "/" + via.Bucket + "?list-type=2"); code != http.StatusForbidden {
		t.Errorf("an unsigned listing got %d, %v, want 403", code, err)
	}
}
