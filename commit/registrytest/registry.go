package registrytest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

// Options of a registry. The zero value is plain HTTP for everybody.
type Options struct {
	TLS      bool // with a certificate that nobody knows
	User     string
	Password string // "" for none
}

// A Registry is one that runs until its test ends.
type Registry struct {
	Host string // 127.0.0.1:PORT, the first part of its images' names
	URL  string
	Options

	backend string // the registry itself, behind the front
	client  *http.Client
	mu      sync.Mutex
	before  func(*http.Request)
	fault   func(http.ResponseWriter, *http.Request) bool
	seen    []string
}

// Start starts a registry.
func Start(t testing.TB, o Options) *Registry {
	t.Helper()
	_, err := lab.RegistryProgram()
	testenv.Require(t, err == nil, "Debian's docker-registry (scripts/registry.sh install)")
	real, err := lab.StartRegistry(t.TempDir(), o.User, o.Password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(real.Stop)
	r := &Registry{Options: o}
	backend, err := url.Parse("http://" + real.Addr)
	if err != nil {
		t.Fatal(err)
	}
	r.backend = backend.String()
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(backend)
		p.Out.Host = p.In.Host // which the registry puts into the places it sends clients to
		if p.In.TLS != nil {
			p.Out.Header.Set("X-Forwarded-Proto", "https")
		}
	}}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.meet(w, req) {
			proxy.ServeHTTP(w, req)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that are cut on purpose
	open, end := context.WithCancel(context.Background())
	srv.Config.BaseContext = func(net.Listener) context.Context { return open }
	if o.TLS {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(func() {
		// An engine whose connection is cut asks again at once, on a new one, and a fault may hold that request, too: Close waits for
		// every one of them, so they end by the context that all have in common.
		end()
		srv.CloseClientConnections()
		srv.Close()
	})
	r.URL, r.Host = srv.URL, strings.TrimPrefix(strings.TrimPrefix(srv.URL, "https://"), "http://")
	r.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	return r
}

// Fail makes f answer requests in the registry's place where it returns true; nil ends it. f runs for several requests at
// once.
func (r *Registry) Fail(f func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = f
}

func (r *Registry) meet(w http.ResponseWriter, req *http.Request) bool {
	r.mu.Lock()
	f, before := r.fault, r.before
	r.seen = append(r.seen, req.Method+" "+req.URL.Path)
	r.mu.Unlock()
	if before != nil {
		before(req)
	}
	return f != nil && f(w, req)
}

// Before has f see each request before it is answered. f runs for several requests at once.
func (r *Registry) Before(f func(*http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = f
}

// Seen are the requests so far, as "METHOD /path".
func (r *Registry) Seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.seen...)
}

// Refuse answers as the registry protocol does: a status and an error with its code.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}
