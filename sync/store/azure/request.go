package azure

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
)

// apiVersion of the requests. It has all that is used here: CRC64 (2019-02-02), tags, names that XML cannot hold (2021-02-12).
// https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
const apiVersion = "2021-12-02"

// A request is one operation, of one or more tries.
type request struct {
	op     string // for messages
	method string
	key    string // "" for the container
	query  string
	header http.Header
	body   func() io.ReadCloser // nil for none; called for each try
	length int64
	want   int // status of success
	// prepare, unless nil, makes before each try what depends on the body, which may have changed since the last one.
	prepare func(*request) error
	about   string // what messages name; "" for the key
}

func (r *request) named() string {
	if r.about != "" {
		return r.about
	}
	return r.key
}

// send tries the request until it succeeds: until the answer has the wanted status and consume returns nil. consume reads the answer
// and closes its body.
func (s *Store) send(ctx context.Context, r *request, consume func(*http.Response) error) error {
	err := s.loop.Do(ctx, func() error { return s.try(ctx, r, consume) })
	var unsent *retry.Unsent
	if errors.As(err, &unsent) {
		return s.sendError(ctx, r.op, r.named(), unsent.Err)
	}
	return err
}

func (s *Store) try(ctx context.Context, r *request, consume func(*http.Response) error) error {
	if r.prepare != nil {
		if err := r.prepare(r); err != nil {
			return err
		}
	}
	rq := s.request(ctx, r)
	if err := s.auth.authorize(rq); err != nil {
		if ctx.Err() != nil {
			return s.sendError(ctx, r.op, r.named(), err)
		}
		kind := store.ErrCredentials
		if worthAnother(err) {
			kind = store.ErrUnreachable
		}
		return s.fault(r.op, r.named(), kind, "", err)
	}
	// The transport sends it again at once where the server has just closed an idle connection: all these requests are idempotent.
	// A header without a value is never sent.
	rq.Header["Idempotency-Key"] = nil
	resp, err := s.wire.RoundTrip(rq)
	if err != nil {
		return s.sendError(ctx, r.op, r.named(), err)
	}
	if resp.StatusCode == r.want {
		return consume(resp)
	}
	defer resp.Body.Close()
	return s.answerError(r, resp)
}

var (
	userAgent = []string{"ferry"}
	versioned = []string{apiVersion}
)

// request makes one try's request, without authorization.
func (s *Store) request(ctx context.Context, r *request) *http.Request {
	rq := (&http.Request{
		Method: r.method, URL: s.address(r.key, r.query), Header: make(http.Header, len(r.header)+6),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: r.length,
	}).WithContext(ctx)
	rq.Host = rq.URL.Host
	for k, v := range r.header {
		rq.Header[k] = v
	}
	rq.Header["User-Agent"] = userAgent
	rq.Header["X-Ms-Version"] = versioned
	if r.body != nil {
		rq.Body = r.body()
		rq.GetBody = func() (io.ReadCloser, error) { return r.body(), nil }
	} else if r.method == http.MethodPut || r.method == http.MethodPost {
		rq.Body = http.NoBody // so that its length is sent
	}
	return rq
}

// address is the URL of a key; of the container for "".
func (s *Store) address(key, query string) *url.URL {
	u := &url.URL{Scheme: s.base.Scheme, Host: s.base.Host, Path: s.base.Path, RawPath: s.base.RawPath, RawQuery: query}
	if key == "" {
		return u
	}
	u.Path += "/" + key
	u.RawPath = string(appendEscaped([]byte(s.base.EscapedPath()+"/"), key))
	if u.RawPath == u.Path {
		u.RawPath = ""
	}
	return u
}

const upperHex = "0123456789ABCDEF"

// appendEscaped escapes all but unreserved characters and slashes.
func appendEscaped(b []byte, v string) []byte {
	for i := range len(v) {
		c := v[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', c == '/':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

// length of an answer's whole blob, as the header tells it; false where none does.
func length(h http.Header) (int64, bool) {
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	return n, err == nil && n >= 0
}
