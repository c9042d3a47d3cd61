package gcs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Store is a bucket. It is safe for concurrent use.
type Store struct {
	c      *client
	single int64
}

// A client sends the requests of a bucket. It is safe for concurrent use.
type client struct {
	bucket  string
	options Options
	root    url.URL
	wire    http.RoundTripper
	loop    *retry.Loop
	auth    *auth // nil where requests bring no credentials
}

var _ store.Store = (*Store)(nil)

// singleSize is the size of the largest object that is sent by one request, in bytes. A larger one gets a session, which costs a request more,
// and goes on where it broke. Google's own clients draw the line at 5 to 16 MiB.
const singleSize = 8 << 20

// New makes a Store of the bucket. It sends nothing, and looks for credentials only when the first request does. Its error is a
// *cause.Error of cause.Usage.
func New(bucket string, o Options) (*Store, error) {
	endpoint, emulated := o.endpointOf()
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, cause.Fail(cause.Usage, "such as 127.0.0.1:4443, or a URL", "STORAGE_EMULATOR_HOST: %q is no address", endpoint)
	}
	c := &client{bucket: bucket, options: o, root: *u}
	s := &Store{c: c, single: o.Single}
	if s.single == 0 {
		s.single = singleSize
	}
	if !o.Anonymous && !emulated {
		c.auth = new(auth)
	}
	t := wire.TuneFor(http.DefaultTransport.(*http.Transport).Clone(), o.Timeouts)
	if u.Scheme == "https" {
		wire.OverTLS(t)
	}
	c.wire = t
	c.loop = retry.New(o.Tries, policy{}, nil).Probing(s.c.probe, o.Timeouts.Patience)
	return s, nil
}

// Close closes idle connections.
func (s *Store) Close() error {
	if t, ok := s.c.wire.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// URL of a key.
func (c *client) URL(key string) string {
	if key == "" {
		return "gs://" + c.bucket
	}
	return "gs://" + c.bucket + "/" + key
}

// URL of a key.
func (s *Store) URL(key string) string { return s.c.URL(key) }

// A request is one operation, of one or more tries.
type request struct {
	op     string // for messages
	key    string // for messages
	method string
	path   string // escaped
	query  url.Values
	header http.Header
	body   func() io.Reader // nil for none; called for each try
	length int64
	once   bool  // a second one is another matter than the first: only the Loop sends it again
	ok     []int // statuses of success; none is 200
	absent error // what 404 means where no code says it; nil for store.ErrNotExist
}

// send tries a request until it succeeds: until the answer has a wanted status, and consume returns nil. consume reads the answer and
// closes its body.
func (c *client) send(ctx context.Context, r *request, consume func(*http.Response) error) error {
	return c.unsent(ctx, r, c.loop.Do(ctx, func() error { return c.try(ctx, r, consume) }))
}

// try makes one try.
func (c *client) try(ctx context.Context, r *request, consume func(*http.Response) error) error {
	u, err := c.at(r)
	if err != nil {
		return c.fault(r, nil, err)
	}
	return c.tryAt(ctx, u, r, consume)
}

// tryAt makes one try at an address that the service gave.
func (c *client) tryAt(ctx context.Context, u *url.URL, r *request, consume func(*http.Response) error) error {
	resp, err := c.exchange(ctx, u, r)
	if err != nil {
		return err
	}
	for _, status := range r.wanted() {
		if resp.StatusCode == status {
			return consume(resp)
		}
	}
	defer resp.Body.Close()
	return c.answered(r, resp)
}

func (r *request) wanted() []int {
	if len(r.ok) == 0 {
		return []int{http.StatusOK}
	}
	return r.ok
}

// exchange sends, and gives whatever answer comes.
func (c *client) exchange(ctx context.Context, u *url.URL, r *request) (*http.Response, error) {
	header := make(http.Header, len(r.header)+4)
	for k, v := range r.header {
		header[k] = v
	}
	header["User-Agent"] = []string{"ferry"}
	header["Accept-Encoding"] = []string{"gzip"} // or objects that are kept compressed would come otherwise
	if !r.once {
		header["Idempotency-Key"] = nil // lets the transport send again what an idle connection lost
	}
	if c.options.Billing != "" {
		header["X-Goog-User-Project"] = []string{c.options.Billing}
	}
	rq := (&http.Request{Method: r.method, URL: u, Host: u.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: r.length}).WithContext(ctx)
	if r.body != nil && r.length > 0 {
		rq.Body = io.NopCloser(r.body())
		if !r.once {
			rq.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(r.body()), nil }
		}
	}
	if c.auth != nil && u.Host == c.root.Host { // a session's own address needs none
		token, err := c.auth.token(ctx)
		if err != nil {
			if ended := wire.Ended(ctx, r.op, c.URL(r.key)); ended != nil {
				return nil, ended
			}
			return nil, c.fault(r, store.ErrCredentials, err)
		}
		header["Authorization"] = []string{token}
	}
	resp, err := c.wire.RoundTrip(rq)
	if err != nil {
		return nil, c.unanswered(ctx, r, err)
	}
	return resp, nil
}

// at is a request's URL.
func (c *client) at(r *request) (*url.URL, error) {
	u := c.root
	u.RawQuery = r.query.Encode()
	escaped := c.root.EscapedPath() + r.path
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fmt.Errorf("%s is no path", strconv.Quote(r.path))
	}
	u.Path, u.RawPath = plain, escaped
	return &u, nil
}

// objectPath is the path of a key in the JSON API; of all objects for "".
func (c *client) objectPath(key string) string {
	p := append([]byte("/storage/v1/b/"), wire.Escape(nil, c.bucket, false)...)
	p = append(p, "/o"...)
	if key != "" {
		p = wire.Escape(append(p, '/'), key, false)
	}
	return string(p)
}

// mediaPath is the path of a key in the XML API.
func (c *client) mediaPath(key string) string {
	return string(wire.Escape(append(wire.Escape([]byte{'/'}, c.bucket, false), '/'), key, true))
}

// uploadPath is where objects are put.
func (c *client) uploadPath() string {
	return "/upload/storage/v1/b/" + string(wire.Escape(nil, c.bucket, false)) + "/o"
}

// probe lists one object: whatever comes is an answer.
func (c *client) probe(ctx context.Context) error {
	r := request{op: "listing", method: http.MethodGet, path: c.objectPath(""), query: url.Values{"maxResults": {"1"}, "fields": {"kind"}}, absent: store.ErrNoBucket}
	return c.try(ctx, &r, func(resp *http.Response) error { return resp.Body.Close() })
}
