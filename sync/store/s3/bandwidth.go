package s3

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// A bandwidth lets so many bytes a second pass, up and down together. It is safe for concurrent use.
type bandwidth struct {
	rate int64 // bytes a second

	mu   sync.Mutex
	free time.Time // when what was let pass so far is paid for
}

// bandwidths are one for each rate: all buckets of the process share it, as the AWS CLI's do.
var (
	bandwidthsMu sync.Mutex
	bandwidths   = map[int64]*bandwidth{}
)

// throttled is rt, no faster than the configuration allows.
func (o Options) throttled(rt http.RoundTripper) http.RoundTripper {
	rate := o.Keys.MaxBandwidth
	if rate <= 0 {
		return rt
	}
	bandwidthsMu.Lock()
	defer bandwidthsMu.Unlock()
	if bandwidths[rate] == nil {
		bandwidths[rate] = &bandwidth{rate: rate}
	}
	return slowTransport{rt, bandwidths[rate]}
}

// pass returns once n bytes may pass. Its error is that of ctx.
func (b *bandwidth) pass(ctx context.Context, n int) error {
	b.mu.Lock()
	now := time.Now()
	if b.free.Before(now) {
		b.free = now
	}
	wait := b.free.Sub(now)
	b.free = b.free.Add(time.Duration(int64(n)) * time.Second / time.Duration(b.rate))
	b.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// slowTransport slows bodies down, of requests and answers.
type slowTransport struct {
	http.RoundTripper
	b *bandwidth
}

func (t slowTransport) RoundTrip(rq *http.Request) (*http.Response, error) {
	if rq.Body != nil && rq.Body != http.NoBody {
		slow := rq.Clone(rq.Context())
		slow.Body = slowBody{rq.Body, t.b, rq.Context()}
		rq = slow
	}
	resp, err := t.RoundTripper.RoundTrip(rq)
	if err != nil {
		return nil, err
	}
	resp.Body = slowBody{resp.Body, t.b, rq.Context()}
	return resp, nil
}

type slowBody struct {
	io.ReadCloser
	b   *bandwidth
	ctx context.Context
}

// slice is how much passes at once, so that streams take turns.
const slice = 16 << 10

func (s slowBody) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p[:min(len(p), slice)])
	if n > 0 {
		if waited := s.b.pass(s.ctx, n); waited != nil {
			return n, waited
		}
	}
	return n, err
}
