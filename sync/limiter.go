package sync

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// A limiter decides how many transfers run at once. It climbs: as long as more of them move more in the same time
// there come more, and where they do not it goes back and tries again later. When the store asks for fewer requests it
// falls at once. The engine's transfers share it.
type limiter struct {
	mu      sync.Mutex
	wake    sync.Cond // somebody in acquire may go on
	idle    sync.Cond // somebody in acquireIdle may
	waiting int       // in acquire
	target  float64
	most    int
	running int

	full  bool      // running reached target in this window
	begun time.Time // of the window
	moved int64     // in this window, in bytes, each file counting as perFile besides
	rate  float64   // of the window that led to the last step
	prev  float64   // target before the last step
	grew  bool      // the last window ended with a step up
	hold  time.Time
	calm  time.Time // no further fall before
}

const (
	// startTransfers per processor is enough to keep a near store busy.
	startTransfers = 8
	// maxTransfers bounds memory: each has a connection with its buffers, some 300 KiB over TLS with what it allocates.
	maxTransfers = 96
	// minTransfers is what a store that says "slow down" still gets; the SDK's retryer paces these.
	minTransfers = 4
	// perFile is what a request without a byte counts as, in bytes.
	perFile = 128 << 10
	// window is how long one rate is measured.
	window = 100 * time.Millisecond
	// pays is how much more twice as many transfers must move. Where distance bounds them it is nearly twice as much.
	pays = 1.25
	// holdTime is how long a target that was found stays, before more is tried again.
	holdTime = 2 * time.Second
)

func newLimiter(most int) *limiter {
	l := &limiter{most: most}
	if most == 0 {
		l.most = maxTransfers
	}
	l.target = float64(min(l.most, max(minTransfers, startTransfers*runtime.GOMAXPROCS(0))))
	l.wake.L, l.idle.L = &l.mu, &l.mu
	return l
}

// acquire waits for a slot.
func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting++
	defer func() {
		if l.waiting--; l.waiting == 0 {
			l.next()
		}
	}()
	return l.wait(ctx, &l.wake, func() bool { return l.running < int(l.target) })
}

// acquireIdle waits for a slot that nobody in acquire wants.
func (l *limiter) acquireIdle(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wait(ctx, &l.idle, func() bool { return l.running < int(l.target) && l.waiting == 0 })
}

func (l *limiter) wait(ctx context.Context, c *sync.Cond, free func() bool) error {
	if !free() {
		stop := context.AfterFunc(ctx, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			c.Broadcast()
		})
		defer stop()
	}
	for !free() && ctx.Err() == nil {
		l.full = true
		c.Wait()
	}
	if ctx.Err() != nil {
		l.next() // the wake-up was perhaps another's
		return context.Cause(ctx)
	}
	l.take()
	if l.running < int(l.target) {
		l.next()
	}
	return nil
}

// atMost lowers the most there may be; 0 leaves it.
func (l *limiter) atMost(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > 0 && n < l.most {
		l.most = n
		l.target = min(l.target, float64(n))
	}
}

// limit is the most there may be.
func (l *limiter) limit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.most
}

// limitOf is how many requests a store allows at once; 0 for no limit.
func limitOf(st store.Store) int {
	if l, ok := st.(store.Limited); ok {
		return l.MaxRequests()
	}
	return 0
}

// next wakes who may take a slot that is free.
func (l *limiter) next() {
	if l.waiting > 0 {
		l.wake.Signal()
	} else {
		l.idle.Signal()
	}
}

// tryAcquire takes up to n slots that are free, and says how many.
func (l *limiter) tryAcquire(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = max(0, min(n, int(l.target)-l.running))
	for range n {
		l.take()
	}
	return n
}

func (l *limiter) take() {
	l.running++
	if l.running >= int(l.target) {
		l.full = true
	}
	if l.begun.IsZero() {
		l.begun = time.Now()
	}
}

// release gives a slot back, after files files.
func (l *limiter) release(files int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.moved += int64(files) * perFile
	l.evaluate(time.Now())
	if l.running == 0 {
		l.begun = time.Time{} // an idle time says nothing
	}
	l.next()
}

// add counts bytes as they move.
func (l *limiter) add(n int64) {
	l.mu.Lock()
	l.moved += n
	l.evaluate(time.Now())
	l.mu.Unlock()
}

func (l *limiter) evaluate(now time.Time) {
	took := now.Sub(l.begun)
	// A window must have seen several rounds of requests, or chance decides.
	if l.begun.IsZero() || took < window || l.moved < int64(l.target)*perFile && took < 10*window {
		return
	}
	rate := float64(l.moved) / took.Seconds()
	full := l.full
	l.begun, l.moved, l.full = now, 0, l.running >= int(l.target)
	switch {
	case l.grew && rate < pays*l.rate:
		l.set(l.prev)
		l.grew, l.hold = false, now.Add(holdTime)
	case full && now.After(l.hold):
		l.prev, l.rate, l.grew = l.target, rate, true
		l.set(l.target * 2)
		l.grew = l.target > l.prev
	default:
		l.grew = false
	}
}

func (l *limiter) set(target float64) {
	l.target = min(max(target, minTransfers), float64(l.most))
	l.wake.Broadcast()
	l.idle.Broadcast()
}

// slower is called when the store asked for fewer requests. Many answers say so at once; they count as one.
func (l *limiter) slower() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.calm) {
		return
	}
	l.set(l.target * 0.6)
	jitter := time.Duration(rand.Int64N(int64(time.Second)))
	l.grew, l.calm, l.hold = false, now.Add(time.Second), now.Add(holdTime+jitter)
}
