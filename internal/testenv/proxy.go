package testenv

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A FaultProxy stands before an S3 server, or Azurite, and makes it fail by rule. Requests reach the server as they came, the Host
// header included, so that signatures stay valid. Its methods are safe for concurrent use.
type FaultProxy struct {
	URL string // http://127.0.0.1:PORT

	backend *url.URL
	client  *http.Transport
	done    chan struct{} // closed when the test ends; releases what stalls

	hangUp atomic.Int64 // answers before a connection is closed; 0 for never

	mu     sync.Mutex
	server *http.Server
	rules  []*Rule
	seen   []*Request
}

// A Request is one that the proxy saw.
type Request struct {
	Method string
	Kind   string // the S3 operation, such as "GetObject" or "UploadPart"; of another store's the one that does the same
	Bucket string
	Key    string
	Query  url.Values
	Header http.Header
	Fault  bool  // a rule applied
	Status int   // what the client was told; 0 where the connection was cut before any status
	Sent   int64 // bytes of body the client was sent, once it ended
	Length int64 // of the body that the client announced; -1: it did not say
}

// Proxy starts a proxy before backend, a URL such as Server.Endpoint. It ends with the test.
func Proxy(t testing.TB, backend string) *FaultProxy {
	t.Helper()
	u, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	p := &FaultProxy{backend: u, done: make(chan struct{}), client: &http.Transport{
		DisableCompression:  true, // bodies pass as they are
		MaxIdleConnsPerHost: 256,
	}}
	if err := p.serve("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(p.done)
		p.Away()
		p.client.CloseIdleConnections()
	})
	return p
}

// Via is the server as seen through the proxy.
func (p *FaultProxy) Via(s *Server) *Server {
	via := *s
	via.Endpoint = p.URL
	return &via
}

// Add makes the rule apply from now on. Of several rules that match a request, the first applies.
func (p *FaultProxy) Add(r Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &r)
}

// Clear drops all rules and forgets all requests.
func (p *FaultProxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.seen = nil, nil
}

// Requests are those that came so far. What is known of one only once it ended may not be there yet.
func (p *FaultProxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Request, len(p.seen))
	for i, r := range p.seen {
		all[i] = *r
	}
	return all
}

// Count says how many requests of the kind came so far; "" counts all.
func (p *FaultProxy) Count(kind string) int {
	n := 0
	for _, r := range p.Requests() {
		if kind == "" || r.Kind == kind {
			n++
		}
	}
	return n
}

// ServeHTTP passes a request on, or fails it.
func (p *FaultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, fault := p.meet(describe(r))
	defer p.answered(r.Context())
	told := func(status int) {
		p.mu.Lock()
		req.Status = status
		p.mu.Unlock()
	}
	sent := func(n int64) {
		p.mu.Lock()
		req.Sent = n
		p.mu.Unlock()
	}
	if fault.Delay > 0 && !p.wait(r.Context(), fault.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case fault.Stall:
		p.wait(r.Context(), 0)
		panic(http.ErrAbortHandler)
	case fault.Reset:
		reset(w)
		return
	case fault.Status != 0:
		_, _ = io.Copy(io.Discard, r.Body)
		told(fault.Status)
		sent(fault.answer(w, r))
		return
	}

	resp, err := p.forward(r, fault)
	if err != nil {
		told(http.StatusBadGateway)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if fault.LoseAnswer {
		_, _ = io.Copy(io.Discard, resp.Body)
		reset(w)
		return
	}
	for name, values := range resp.Header {
		if !fault.NoSums || !isSum(name) {
			w.Header()[name] = values
		}
	}
	told(resp.StatusCode)
	w.WriteHeader(resp.StatusCode)
	if r.Method == http.MethodHead {
		return
	}
	n, err := io.Copy(w, fault.body(resp.Body))
	sent(n)
	if err == nil {
		return
	}
	_ = http.NewResponseController(w).Flush() // what came so far does reach the client
	if errors.Is(err, errCut) && fault.ThenStall {
		p.wait(r.Context(), 0)
	}
	panic(http.ErrAbortHandler) // a short body must not look like a whole one
}

// wait lasts for d, for ever where d is 0 and the fault stalls; it reports whether the time passed in full, as opposed
// to the client going away or the test ending.
func (p *FaultProxy) wait(ctx context.Context, d time.Duration) bool {
	var timer <-chan time.Time
	if d > 0 {
		timer = time.After(d)
	}
	select {
	case <-timer:
		return true
	case <-ctx.Done():
	case <-p.done:
	}
	return false
}

// forward sends the request to the server as it came.
func (p *FaultProxy) forward(r *http.Request, fault *Fault) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.backend.Scheme, p.backend.Host
	out.Host = r.Host              // signed
	out.Header.Del("Expect")       // answered by the proxy already, and never signed
	out.Header["Connection"] = nil // this hop's own
	if _, ok := r.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil
	}
	if fault.FlipUpload > 0 {
		out.Body = io.NopCloser(&flipper{r: r.Body, at: fault.FlipUpload - 1})
	}
	if r.ContentLength == 0 {
		out.Body = nil // or it would go out chunked
	}
	return p.client.RoundTrip(out)
}

// reset closes the connection in a way that the peer sees as ECONNRESET.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// describe names the S3 operation of a path-style request.
func describe(r *http.Request) Request {
	if r.Header.Get("X-Ms-Version") != "" {
		return describeAzure(r)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	if req, ok := describeGoogle(r, q); ok {
		return req
	}
	return Request{Method: r.Method, Kind: kind(r, bucket, key, q), Bucket: bucket, Key: key, Query: q, Header: r.Header.Clone(), Length: r.ContentLength}
}

func kind(r *http.Request, bucket, key string, q url.Values) string {
	copied := r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case bucket == "":
		return "ListBuckets"
	case key == "" && r.Method == "GET" && q.Has("uploads"):
		return "ListMultipartUploads"
	case key == "" && r.Method == "GET" && q.Get("list-type") == "2":
		return "ListObjectsV2"
	case key == "" && r.Method == "POST" && q.Has("delete"):
		return "DeleteObjects"
	case key == "":
		return r.Method + " bucket"
	case r.Method == "POST" && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == "POST" && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == "DELETE" && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == "PUT" && q.Has("partNumber") && copied:
		return "UploadPartCopy"
	case r.Method == "PUT" && q.Has("partNumber"):
		return "UploadPart"
	case r.Method == "PUT" && copied:
		return "CopyObject"
	case r.Method == "PUT":
		return "PutObject"
	case r.Method == "HEAD":
		return "HeadObject"
	case r.Method == "GET":
		return "GetObject"
	case r.Method == "DELETE":
		return "DeleteObject"
	}
	return r.Method
}
