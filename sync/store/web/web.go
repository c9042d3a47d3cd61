package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/ftp"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Options of a Store. The zero value is good, and knows no proxy.
type Options struct {
	Timeouts wire.Timeouts
	Proxy    func(*http.Request) (*url.URL, error) // as in http.Transport
	Guard    egress.Guard
	Tries    int // of a request; 0 is retry.DefaultAttempts
}

// Store is a server. It is safe for concurrent use.
type Store struct {
	root   url.URL
	client *http.Client
	loop   *retry.Loop
	ends   ends
}

var _ store.Store = (*Store)(nil)

// New makes a Store of the server. host may have a port, and before it user and password. New sends nothing.
func New(scheme, host string, o Options) *Store {
	s := &Store{root: url.URL{Scheme: scheme, Host: host}}
	if u, err := url.Parse(scheme + "://" + host); err == nil {
		s.root = *u
	}
	t := wire.TuneOver(o.Guard.Transport(o.Proxy), o.Guard.Dial, o.Timeouts)
	t.RegisterProtocol("ftp", ftp.Transport{Dial: o.Guard.Dial})
	s.client = &http.Client{Transport: t, CheckRedirect: o.Guard.CheckRedirect(egress.Redirects)}
	s.loop = retry.New(o.Tries, policy{}, nil).Probing(s.probe, o.Timeouts.Patience)
	return s
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// A policy is the standard one. What leads out of the guard's bounds is not tried again.
type policy struct{ retry.Standard }

func (p policy) Retryable(err error) bool {
	return !errors.Is(err, egress.ErrForbidden) && !errors.Is(err, egress.ErrRedirect) && p.Standard.Retryable(err)
}

// cannot is the error of an operation that such servers do not have.
func (s *Store) cannot(op, key, why string) error {
	return fmt.Errorf("%s %s: %s: %w", op, strconv.Quote(s.URL(key)), why, errors.ErrUnsupported)
}

// List is an error: such a server has files by their URLs alone.
func (s *Store) List(_ context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		yield(store.Object{}, s.cannot("listing", prefix, "a web or FTP server gives one file a URL, and no directories"))
	}
}

// Put is an error.
func (s *Store) Put(_ context.Context, key string, _ store.Body, _ store.PutOptions) (store.Object, error) {
	return store.Object{}, s.cannot("writing", key, "a web or FTP server is only read")
}

// Delete is an error.
func (s *Store) Delete(_ context.Context, keys []string) error {
	for _, k := range keys {
		return s.cannot("deleting", k, "a web or FTP server is only read")
	}
	return nil
}

// Open begins to read a file.
func (s *Store) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	a, err := addressOf(key)
	if err != nil {
		return nil, fmt.Errorf("%s %w", strconv.Quote(s.URL(key)), err)
	}
	g := &getter{s: s, at: s.url(a), digested: a.want.Algorithm != ""}
	r, resp, err := wire.Open(ctx, g, s.loop, key, o)
	if err != nil {
		return nil, err
	}
	g.opened = true
	r.Sum = a.want
	r.Extra = store.Extra{Given: g.digested, Name: givenName(resp.Header)}
	r.Extra.Whole = r.ETag == "" || resp.StatusCode == http.StatusOK && resp.Header.Get("Accept-Ranges") != "bytes" && resp.Request.URL.Scheme != "ftp"
	return r, nil
}

// probe asks for what every server has: whatever comes is an answer.
func (s *Store) probe(ctx context.Context) error {
	resp, err := s.exchange(ctx, http.MethodHead, s.url(address{}), nil, "")
	if err == nil {
		_ = resp.Body.Close() // of no interest
	}
	return err
}

// exchange sends a request, follows redirects, and gives whatever answer comes.
func (s *Store) exchange(ctx context.Context, method string, to *url.URL, header http.Header, key string) (*http.Response, error) {
	rq, err := http.NewRequestWithContext(ctx, method, "", http.NoBody)
	if err != nil {
		return nil, s.failed(ctx, key, nil, err)
	}
	rq.URL, rq.Host = to, to.Host
	for k, v := range header {
		rq.Header[k] = v
	}
	rq.Header.Set("User-Agent", "ferry")
	rq.Header.Set("Accept-Encoding", "identity") // the file as the server has it
	resp, err := s.client.Do(rq)
	if err != nil {
		if resp != nil { // a redirect that is not followed
			_ = resp.Body.Close() // its content is no file's
		}
		return nil, s.failed(ctx, key, store.ErrUnreachable, err)
	}
	return resp, nil
}

// failed makes the error of a request. The URL that net/http puts before err may hold secrets.
func (s *Store) failed(ctx context.Context, key string, kind, err error) error {
	if ended := wire.Ended(ctx, "reading", s.URL(key)); ended != nil {
		return ended
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if errors.Is(err, egress.ErrForbidden) || errors.Is(err, egress.ErrRedirect) {
		kind = nil
	}
	return &wire.RequestError{Op: "reading", URL: s.URL(key), Kind: kind, Advice: hints[kind], Err: err}
}

// answered makes the error of an answer with another status than the wanted one.
func (s *Store) answered(key string, resp *http.Response) error {
	e := &wire.RequestError{Op: "reading", URL: s.URL(key), Status: resp.StatusCode, Kind: wire.KindOf(resp.StatusCode), Wait: wire.RetryAfter(resp.Header)}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusProxyAuthRequired {
		e.Kind = store.ErrCredentials
	}
	if resp.StatusCode == http.StatusGone {
		e.Kind = store.ErrNotExist
	}
	if to := resp.Request.URL; to.Host != s.root.Host {
		e.Message = "redirected to " + egress.ShownURL(to)
	} else if to.Scheme == "ftp" {
		_, said, _ := strings.Cut(resp.Status, " ")
		e.Message = oneLine(said)
	}
	e.Advice = hints[e.Kind]
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection is kept
	return e
}
