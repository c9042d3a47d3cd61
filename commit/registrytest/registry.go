package registrytest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

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

// startTime bounds the start of the registry.
const startTime = 20 * time.Second

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// Start starts a registry.
func Start(t testing.TB, o Options) *Registry {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	testenv.Require(t, err == nil, "Debian's docker-registry (scripts/registry.sh install)")
	r := &Registry{Options: o}
	backend, err := url.Parse("http://" + serve(t, program, r.config(t)))
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
	if o.TLS {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	r.URL, r.Host = srv.URL, strings.TrimPrefix(strings.TrimPrefix(srv.URL, "https://"), "http://")
	r.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	return r
}

// config writes the registry's configuration file.
func (r *Registry) config(t testing.TB) string {
	dir := t.TempDir()
	text := "version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: " + filepath.Join(dir, "data") + "}, delete: {enabled: true}}\n" +
		"http: {addr: '127.0.0.1:0'}\n"
	if r.Password != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(r.Password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		passwords := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(passwords, fmt.Appendf(nil, "%s:%s\n", r.User, hash), 0o600); err != nil {
			t.Fatal(err)
		}
		text += "auth: {htpasswd: {realm: test, path: " + passwords + "}}\n"
	}
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve runs the registry and returns where it listens.
func serve(t testing.TB, program, config string) string {
	t.Helper()
	cmd := exec.Command(program, "serve", config)
	cmd.Env = append(testenv.Environ(), "OTEL_TRACES_EXPORTER=none")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
		close(found)
	}()
	select {
	case addr, ok := <-found:
		if ok {
			return addr
		}
		t.Fatal("docker-registry ended before it listened")
	case <-time.After(startTime):
		t.Fatal("docker-registry does not listen")
	}
	return ""
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
