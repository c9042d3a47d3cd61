package s3

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/genepattern/ferry/sync/store"
)

// A request is one operation, of one or more attempts.
type request struct {
	op     string // for messages
	method string
	key    string
	query  string // canonical
	header http.Header
	body   func() io.ReadCloser // nil for none; called for each attempt
	length int64
	sha256 string // of the body, or unsignedPayload
	want   int    // status of success
	about  string // what messages name; the key where ""
}

// send makes attempts until one succeeds, that is, has the wanted status and consume returns nil. consume reads the
// answer and closes its body. This is where requests are retried; what is worth it and how long to wait is decided by
// the SDK's retryer.
func (s *Store) send(ctx context.Context, r *request, consume func(*http.Response) error) error {
	if s.problem != nil {
		return s.problem
	}
	count := store.CounterOf(ctx)
	for attempt := 1; ; attempt++ {
		release, err := s.retryer.GetAttemptToken(ctx)
		if err != nil {
			return s.sendError(ctx, r.op, r.named(), err)
		}
		count.Requests.Add(1)
		if attempt > 1 {
			count.Retries.Add(1)
		}
		err = s.attempt(ctx, r, consume)
		throttled := err != nil && slowDown(err)
		if throttled && !s.firstThrottle() {
			_ = release(nil)
		} else if released := release(err); err == nil {
			return released
		}
		if throttled {
			count.Throttled.Add(1)
		}
		if wait := s.pause(ctx, attempt, err); wait != nil {
			return wait
		}
	}
}

var throttles = retry.IsErrorThrottles(retry.DefaultThrottles)

// slowDown says whether the answer asks for fewer requests.
func slowDown(err error) bool {
	var e *Error
	return throttles.IsErrorThrottle(err) == aws.TrueTernary ||
		errors.As(err, &e) && (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests)
}

// throttleRound is how long answers that ask for fewer requests count as one. With many requests on their way they come
// in bursts, and the adaptive retryer, which cuts its rate by a third for each, would all but stop for one burst. It
// measures its rate in rounds of the same length; in its first two it knows none, and would begin at one request in two
// seconds. Till then, and between, a request that was told to wait waits by itself, and the engine sends fewer at once.
const throttleRound = 500 * time.Millisecond

// firstThrottle says whether an answer of that kind is the first of its round.
func (s *Store) firstThrottle() bool {
	now := time.Now().UnixNano()
	last := s.throttled.Load()
	if last == 0 {
		s.throttled.CompareAndSwap(0, now+int64(throttleRound))
		return false
	}
	return now-last > int64(throttleRound) && s.throttled.CompareAndSwap(last, now)
}

// pause waits before another attempt. It returns err where there shall be none.
func (s *Store) pause(ctx context.Context, attempt int, err error) error {
	if attempt >= s.attempts(err) || !s.retryer.IsErrorRetryable(err) || ctx.Err() != nil {
		return err
	}
	delay, derr := s.retryer.RetryDelay(attempt, err)
	if derr != nil {
		return err
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return err
	}
}

// attempts is how many there are at most. A port where nobody listens, or a name that does not resolve, is rather a mistake
// than a moment's trouble.
func (s *Store) attempts(err error) int {
	n := s.retryer.MaxAttempts()
	var dns *net.DNSError
	if errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &dns) && dns.IsNotFound {
		n = min(n, 3)
	}
	return n
}

func (r *request) named() string {
	if r.about != "" {
		return r.about
	}
	return r.key
}

func (s *Store) attempt(ctx context.Context, r *request, consume func(*http.Response) error) error {
	rq := (&http.Request{
		Method: r.method, URL: s.address(r.key, r.query), Header: make(http.Header, len(r.header)+4),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: r.length,
	}).WithContext(ctx)
	rq.Host = rq.URL.Host
	for k, v := range r.header {
		rq.Header[k] = v
	}
	rq.Header["User-Agent"] = userAgent
	if r.body != nil {
		rq.Body = r.body()
	}
	if s.creds != nil {
		c, err := s.creds.Retrieve(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return s.sendError(ctx, r.op, r.named(), err)
			}
			return &Error{Op: r.op, URL: s.URL(r.named()), Kind: store.ErrCredentials, Err: err}
		}
		s.signer.sign(rq, c, r.sha256, time.Now().Add(time.Duration(s.skew.Load())))
	}
	resp, err := s.wire.RoundTrip(rq)
	if err != nil {
		return s.sendError(ctx, r.op, r.named(), err)
	}
	if resp.StatusCode == r.want {
		return consume(resp)
	}
	defer resp.Body.Close()
	e := s.answerError(r.op, r.named(), resp)
	s.adjust(e, resp)
	return e
}

var userAgent = []string{"ferry"}

// adjust makes another attempt worth while where the fault is on this side.
func (s *Store) adjust(e *Error, resp *http.Response) {
	switch e.Code {
	case "RequestTimeTooSkewed":
		if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			s.skew.Store(int64(time.Until(t)))
		}
	case "ExpiredToken":
		if s.cache != nil {
			s.cache.Invalidate()
		}
	}
}

// address is the URL of a key; of the bucket for "".
func (s *Store) address(key, query string) *url.URL {
	u := &url.URL{Scheme: s.base.Scheme, Host: s.base.Host, RawQuery: query}
	path := s.base.Path
	if n := len(path); n > 0 && path[n-1] == '/' {
		path = path[:n-1]
	}
	u.Path = path + "/" + key
	u.RawPath = string(appendEscaped(append(make([]byte, 0, len(s.basePath)+len(key)+16), s.basePath+"/"...), key, true))
	if u.RawPath == u.Path {
		u.RawPath = ""
	}
	return u
}

const upperHex = "0123456789ABCDEF"

// appendEscaped appends v as S3 wants names escaped: all but unreserved characters, and slashes in paths.
func appendEscaped(b []byte, v string, path bool) []byte {
	for i := range len(v) {
		c := v[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', path && c == '/':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}
