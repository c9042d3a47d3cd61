package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// DefaultPatience is how long a store that answered before is waited for, once it gives no answer to anybody. A server that is
// restarted, or a network that is reconfigured, is back within minutes.
const DefaultPatience = 5 * time.Minute

type patienceKey struct{}

// WithPatience is ctx with another patience than the Loop's. What ends ctx ends the waiting all the same.
func WithPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

func (l *Loop) patienceOf(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		return d
	}
	if l.patience > 0 {
		return l.patience
	}
	return DefaultPatience
}

// Probing of a store that is away.
const (
	firstProbe   = 250 * time.Millisecond // the wait after the first probe, which doubles
	lastProbe    = 3 * time.Second        // to this one
	probeTimeout = 10 * time.Second       // a connection that is accepted and silent is no answer
)

// A health is what all requests of a store know together of whether it answers.
type health struct {
	mu      sync.Mutex
	last    time.Time     // when the store answered last; zero: it never did
	probing chan struct{} // closed when the probing under way has ended; nil for none
}

func (h *health) answer() {
	now := time.Now()
	h.mu.Lock()
	h.last = now
	h.mu.Unlock()
}

// answered reports whether the store ever did.
func (h *health) answered() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.last.IsZero()
}

// A verdict says whose trouble it is that a request got no answer.
type verdict int

const (
	itsOwn   verdict = iota // the store answers others, or has never answered anybody
	passed                  // the store was away, and is back
	goneAway                // the store is away, and was waited for
)

// silent reports whether err is that of a request without an answer of the store. What a gateway says when the store behind it does
// not answer is none: 502 and 504, and a 503 without a code of the store's own.
func silent(err error) bool {
	switch statusOf(err) {
	case 0:
		return errors.Is(err, store.ErrUnreachable)
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	case http.StatusServiceUnavailable:
		var coded interface{ ErrorCode() string }
		return errors.As(err, &coded) && coded.ErrorCode() == ""
	}
	return false
}

// whose finds out why a request that began at the given time got no answer. Where nobody has got one since, the store is asked, by
// one request at a time for all that wait, until it answers or patience ends. Patience begins at first, the time of the request's
// first failure of this kind.
func (l *Loop) whose(ctx context.Context, began, first time.Time) verdict {
	h := &l.health
	for waited := false; ; waited = true {
		h.mu.Lock()
		if h.last.IsZero() || h.last.After(began) {
			h.mu.Unlock()
			if waited {
				return passed
			}
			return itsOwn
		}
		if l.probe == nil {
			h.mu.Unlock()
			return l.rest(ctx, first)
		}
		if waited && time.Since(first) >= l.patienceOf(ctx) || ctx.Err() != nil {
			h.mu.Unlock()
			return goneAway
		}
		other := h.probing
		if other == nil {
			h.probing = make(chan struct{})
			h.mu.Unlock()
			return l.ask(ctx, first)
		}
		h.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
		}
	}
}

// rest waits before a store that cannot be probed gets the request itself once more.
func (l *Loop) rest(ctx context.Context, first time.Time) verdict {
	if time.Since(first) >= l.patienceOf(ctx) || !sleep(ctx, jittered(lastProbe)) {
		return goneAway
	}
	return passed
}

// ask probes until the store answers.
func (l *Loop) ask(ctx context.Context, first time.Time) (v verdict) {
	h := &l.health
	defer func() {
		h.mu.Lock()
		close(h.probing)
		h.probing = nil
		h.mu.Unlock()
	}()
	v = itsOwn
	for wait := firstProbe; ; wait = min(2*wait, lastProbe) {
		limited, cancel := context.WithTimeout(ctx, probeTimeout)
		store.CounterOf(ctx).Requests.Add(1)
		err := l.probe(limited)
		cancel()
		if err == nil || statusOf(err) != 0 && !silent(err) {
			h.answer()
			return v
		}
		v = passed
		if time.Since(first) >= l.patienceOf(ctx) || !sleep(ctx, jittered(wait)) {
			return goneAway
		}
	}
}

// jittered is a time of up to d, and at least half of it.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// sleep reports whether the time passed in full.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// outage makes the error of a request that got no answer because the store gives none to anybody.
func outage(err error) error { return fmt.Errorf("%w: %w", store.ErrOutage, err) }
