package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// A request is one operation, of one or more tries.
type request struct {
	op     string // for messages
	method string
	key    string
	query  string // canonical
	header http.Header
	body   func() io.ReadCloser // nil for none; called for each try
	length int64
	sha256 string      // of the body, or unsignedPayload
	want   int         // status of success
	brings http.Header // what the user wants such requests to bring; it wins over header
	// prepare, unless nil, makes before each try what depends on the body, which may have changed since the last one.
	prepare func(*request) error
	about   string // what messages name; "" for the key
}

// send tries the request until it succeeds: until the answer has the wanted status and consume returns nil. consume reads the answer
// and closes its body.
func (s *Store) send(ctx context.Context, r *request, consume func(*http.Response) error) error {
	if s.problem != nil {
		return s.problem
	}
	err := s.loop.Do(ctx, func() error { return s.try(ctx, r, consume) })
	return s.unsent(ctx, r.op, r.named(), err)
}

// unsent makes an Error of a request that was not sent. All other errors are one already.
func (s *Store) unsent(ctx context.Context, op, key string, err error) error {
	var unsent *retry.Unsent
	if errors.As(err, &unsent) {
		return s.sendError(ctx, op, key, unsent.Err)
	}
	return err
}

func (r *request) named() string {
	if r.about != "" {
		return r.about
	}
	return r.key
}

func (s *Store) try(ctx context.Context, r *request, consume func(*http.Response) error) error {
	if r.prepare != nil {
		if err := r.prepare(r); err != nil {
			return err
		}
	}
	at := s.places.here()
	rq := at.request(ctx, r)
	resp, err := s.places.exchange(at, rq, r)
	if err != nil {
		return err
	}
	if resp.StatusCode == r.want {
		return consume(resp)
	}
	defer resp.Body.Close()
	failed := s.answerError(r.op, r.named(), resp)
	// The answer to a HEAD has no body to say what was bad about it.
	mute := r.method == http.MethodHead && resp.StatusCode == http.StatusBadRequest
	if s.places.follow(ctx, at, failed) || mute && s.places.move(at, s.places.regionOf(ctx, at, failed)) {
		store.CounterOf(ctx).Requests.Add(1)
		return s.try(ctx, r, consume)
	}
	return failed
}

// request makes one try's request, unsigned.
func (p *place) request(ctx context.Context, r *request) *http.Request {
	rq := (&http.Request{
		Method: r.method, URL: p.address(r.key, r.query), Header: make(http.Header, len(r.header)+4),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: r.length,
	}).WithContext(ctx)
	rq.Host = rq.URL.Host
	for k, v := range r.header {
		rq.Header[k] = v
	}
	for k, v := range r.brings {
		rq.Header[k] = v
	}
	rq.Header["User-Agent"] = userAgent
	if r.body != nil {
		rq.Body = r.body()
		rq.GetBody = func() (io.ReadCloser, error) { return r.body(), nil }
	}
	return rq
}

// exchange signs and sends, and gives whatever answer comes.
func (ps *places) exchange(at *place, rq *http.Request, r *request) (*http.Response, error) {
	ctx := rq.Context()
	if at.special {
		return ps.special(at, rq, r)
	}
	if err := ps.s.auth.sign(&at.signer, rq, r.sha256); err != nil {
		if ctx.Err() != nil {
			return nil, ps.s.sendError(ctx, r.op, r.named(), err)
		}
		return nil, ps.s.fault(r.op, r.named(), store.ErrCredentials, "", err)
	}
	// The transport sends it again at once where the server has just closed an idle connection: all these requests are idempotent.
	// A header without a value is never sent.
	rq.Header["Idempotency-Key"] = nil
	resp, err := ps.s.wire.RoundTrip(rq)
	if err != nil {
		return nil, ps.s.sendError(ctx, r.op, r.named(), err)
	}
	return resp, nil
}

// probe asks for the bucket's header: whatever comes is an answer.
func (s *Store) probe(ctx context.Context) error {
	r := request{op: "asking for", method: http.MethodHead, sha256: emptyPayload, want: http.StatusOK, brings: s.options.Headers.others()}
	return s.try(ctx, &r, func(resp *http.Response) error { return resp.Body.Close() })
}

var userAgent = []string{"ferry"}

// address is the URL of a key; of the bucket for "".
func (p *place) address(key, query string) *url.URL {
	u := &url.URL{Scheme: p.base.Scheme, Host: p.base.Host, RawQuery: query}
	path := p.base.Path
	if n := len(path); n > 0 && path[n-1] == '/' {
		path = path[:n-1]
	}
	u.Path = path + "/" + key
	u.RawPath = string(wire.Escape(append(make([]byte, 0, len(p.basePath)+len(key)+16), p.basePath+"/"...), key, true))
	if u.RawPath == u.Path {
		u.RawPath = ""
	}
	return u
}
