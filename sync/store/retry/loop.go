package retry

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// A Policy is what a store knows about its own failures. All methods are safe for concurrent use.
type Policy interface {
	// Retryable reports whether another try may succeed.
	Retryable(err error) bool
	// Delay is how long to wait after the try of that number. The first try is 1.
	Delay(try int, err error) time.Duration
	// Throttled reports whether err asks for fewer requests.
	Throttled(err error) bool
	// Refresh renews what err shows to be stale on this side, such as a token or the clock. It is called after each failed try.
	Refresh(err error)
}

// A Pacer holds requests back after the store asked for fewer. It is safe for concurrent use.
type Pacer interface {
	// Wait returns when a request may be sent, or ctx has ended. release is called once, when the request has ended: with nil, or
	// with the error that asks for fewer requests.
	Wait(ctx context.Context) (release func(error) error, err error)
}

// DefaultAttempts is how many tries a request has. It is more than the usual 3, because S3 answers 503 for some seconds while it
// splits a prefix. The name is AWS's: AWS_MAX_ATTEMPTS is another number.
const DefaultAttempts = 8

// hopelessTries is how many tries a request has where a port has no listener, or a name does not resolve, and the store has never
// answered. That is more likely a mistake than a moment's trouble.
const hopelessTries = 3

// A Loop sends a store's requests, and sends again those that failed. A store has one Loop for all its requests. It is safe for
// concurrent use.
type Loop struct {
	tries     int
	policy    Policy
	pacer     Pacer        // nil for none
	throttled atomic.Int64 // time of the last answer that asked for fewer requests and was passed on, in nanoseconds
	probe     func(context.Context) error
	patience  time.Duration // 0 for DefaultPatience
	health    health
}

// New makes a Loop with at most so many tries a request; 0 is DefaultAttempts. pacer may be nil. Then a request that was told to
// wait waits by itself, and the transfer engine reads the Counter and sends fewer requests at once.
func New(tries int, policy Policy, pacer Pacer) *Loop {
	if tries <= 0 {
		tries = DefaultAttempts
	}
	return &Loop{tries: tries, policy: policy, pacer: pacer}
}

// Probing sets the cheapest request that shows whether the store answers: any answer is one. It is sent once, outside the Loop. The
// Loop sends it where a request got no answer, and nobody else did since. Without it the request itself is sent again. patience is
// how long that goes on, 0 for DefaultPatience. Call Probing before Do.
func (l *Loop) Probing(probe func(context.Context) error, patience time.Duration) *Loop {
	l.probe, l.patience = probe, patience
	return l
}

// An Unsent request had not left when its context ended. Err is the context's cause.
type Unsent struct{ Err error }

func (e *Unsent) Error() string { return "waiting to send: " + e.Err.Error() }

// Unwrap is for errors.Is and errors.As.
func (e *Unsent) Unwrap() error { return e.Err }

// Do calls try until that returns nil, and counts the calls in the Counter of ctx. It returns the error of the last try, or an
// *Unsent.
//
// A request has its number of tries for failures of its own. While the store answers nobody, although it answered before, all
// requests wait for it together, as long as the patience of ctx lasts. Then the error is also store.ErrOutage, as it is where the
// store never answered at all.
func (l *Loop) Do(ctx context.Context, try func() error) error {
	count := store.CounterOf(ctx)
	own := 0            // failures
	var first time.Time // failure of an outage
	for n := 1; ; n++ {
		release, err := l.wait(ctx)
		if err != nil {
			return err
		}
		count.Requests.Add(1)
		if n > 1 {
			count.Retries.Add(1)
		}
		began := time.Now()
		err = l.once(count, release, try)
		if err == nil {
			return nil
		}
		if !silent(err) || !l.policy.Retryable(err) || ctx.Err() != nil {
			own++
			if final := l.pause(ctx, own, err); final != nil {
				return final
			}
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		switch l.whose(ctx, began, first) {
		case passed:
			continue
		case goneAway:
			if ctx.Err() != nil {
				return &Unsent{context.Cause(ctx)}
			}
			return outage(err)
		}
		own++
		first = time.Time{}
		if final := l.pause(ctx, own, err); final != nil {
			if !l.health.answered() {
				return outage(final)
			}
			return final
		}
	}
}

// once makes one try, and tells pacer, policy and health what came of it.
func (l *Loop) once(count *store.Counter, release func(error) error, try func() error) error {
	err := try()
	if err == nil || statusOf(err) != 0 && !silent(err) {
		l.health.answer()
	}
	throttled := err != nil && l.policy.Throttled(err)
	told := err
	if throttled && !l.firstThrottle() {
		told = nil
	}
	if release != nil {
		if failed := release(told); err == nil {
			return failed
		}
	}
	if err == nil {
		return nil
	}
	l.policy.Refresh(err)
	if throttled {
		count.Throttled.Add(1)
	}
	return err
}

// Retryable reports whether another try may succeed.
func (l *Loop) Retryable(err error) bool { return l.policy.Retryable(err) }

// Again waits before a stream that broke by err is resumed, and counts that as a retry. failures is how many failures there were in a
// row, this one included. It returns an error where the stream is not to be resumed.
func (l *Loop) Again(ctx context.Context, failures int, err error) error {
	if final := l.pause(ctx, failures, err); final != nil {
		return final
	}
	store.CounterOf(ctx).Retries.Add(1)
	return nil
}

func (l *Loop) wait(ctx context.Context) (release func(error) error, err error) {
	if l.pacer == nil {
		return nil, nil
	}
	release, err = l.pacer.Wait(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, &Unsent{err}
	}
	return release, nil
}

// throttleRound is how long answers that ask for fewer requests count as one. With many requests at the same time such answers come
// in bursts. The AWS SDK's pacer cuts its rate by a third for each, and would all but stop after one burst. That pacer measures its
// rate in rounds of the same length. In the first two rounds it knows no rate, and would begin at one request in two seconds. Till
// then, and between rounds, a request that was told to wait waits by itself, and the transfer engine sends fewer at once.
const throttleRound = 500 * time.Millisecond

// firstThrottle reports whether an answer that asks for fewer requests is the first of its round.
func (l *Loop) firstThrottle() bool {
	now := time.Now().UnixNano()
	last := l.throttled.Load()
	if last == 0 {
		l.throttled.CompareAndSwap(0, now+int64(throttleRound))
		return false
	}
	return now-last > int64(throttleRound) && l.throttled.CompareAndSwap(last, now)
}

// pause waits before another try. It returns an error where there is to be none.
func (l *Loop) pause(ctx context.Context, try int, err error) error {
	if try >= l.most(err) || !l.policy.Retryable(err) || ctx.Err() != nil {
		return err
	}
	if !sleep(ctx, l.policy.Delay(try, err)) {
		return err
	}
	return nil
}

// most is how many tries a request has, one of which failed with err.
func (l *Loop) most(err error) int {
	var dns *net.DNSError
	if !l.health.answered() && (errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &dns) && dns.IsNotFound) {
		return min(l.tries, hopelessTries)
	}
	return l.tries
}
