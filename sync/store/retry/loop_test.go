package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
)

// A status is an answer's error.
type status int

func (s status) Error() string       { return http.StatusText(int(s)) }
func (s status) HTTPStatusCode() int { return int(s) }

// A prompt policy is the standard one without its waits. It keeps what it was to renew.
type prompt struct {
	retry.Standard
	renewed []error
}

func (*prompt) Delay(int, error) time.Duration { return 0 }
func (p *prompt) Refresh(err error)            { p.renewed = append(p.renewed, err) }

// A pacer keeps what it is told.
type pacer struct {
	told []error
	err  error
}

func (p *pacer) Wait(context.Context) (func(error) error, error) {
	return func(err error) error { p.told = append(p.told, err); return nil }, p.err
}

func TestLoop(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		about     string
		outcomes  []error // the last one repeats
		tries     int64
		throttled int64
	}{
		{"success", []error{nil}, 1, 0},
		{"a moment's trouble", []error{status(500), io.ErrUnexpectedEOF, nil}, 3, 0},
		{"trouble that stays", []error{status(502)}, 5, 0},
		{"what another try does not change", []error{status(404)}, 1, 0},
		{"nobody listens", []error{refused}, 3, 0},
		{"no such name", []error{&net.DNSError{IsNotFound: true}}, 1, 0},
		{"asked for fewer", []error{status(503), status(429), nil}, 3, 2},
		{"a body that cannot be read", []error{fmt.Errorf("w: %w", &store.BodyError{Err: io.ErrUnexpectedEOF})}, 1, 0},
		{"given up", []error{fmt.Errorf("w: %w", context.Canceled)}, 1, 0},
	} {
		count, p := new(store.Counter), new(prompt)
		n := 0
		err := retry.New(5, p, nil).Do(store.WithCounter(t.Context(), count), func() error {
			n++
			return c.outcomes[min(n, len(c.outcomes))-1]
		})
		if want := c.outcomes[min(n, len(c.outcomes))-1]; !errors.Is(err, want) || int64(n) != c.tries {
			t.Errorf("%s: %v after %d tries, want %v after %d", c.about, err, n, want, c.tries)
		}
		if count.Requests.Load() != c.tries || count.Retries.Load() != c.tries-1 || count.Throttled.Load() != c.throttled {
			t.Errorf("%s: counted %d, %d, %d", c.about, count.Requests.Load(), count.Retries.Load(), count.Throttled.Load())
		}
		failed := n
		if err == nil {
			failed--
		}
		if len(p.renewed) != failed {
			t.Errorf("%s: %d failures, but told to renew %d times", c.about, failed, len(p.renewed))
		}
	}
}

// Answers that ask for fewer requests are one to the pacer, however many come at once; all else it is told.
func TestPacer(t *testing.T) {
	p := new(pacer)
	outcomes := []error{status(500), status(503), status(503), nil}
	err := retry.New(0, new(prompt), p).Do(t.Context(), func() error {
		o := outcomes[0]
		outcomes = outcomes[1:]
		return o
	})
	if err != nil || !slices.Equal(p.told, []error{status(500), nil, nil, nil}) {
		t.Errorf("%v, told %v", err, p.told)
	}
}

func TestUnsent(t *testing.T) {
	why := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	err := retry.New(0, new(prompt), &pacer{err: ctx.Err()}).Do(ctx, func() error { t.Error("sent"); return nil })
	var unsent *retry.Unsent
	if !errors.As(err, &unsent) || !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// A stream may break as often in a row as a request may fail.
func TestAgain(t *testing.T) {
	count := new(store.Counter)
	ctx := store.WithCounter(t.Context(), count)
	l := retry.New(3, new(prompt), nil)
	if err := l.Again(ctx, 2, io.ErrUnexpectedEOF); err != nil || count.Retries.Load() != 1 || count.Requests.Load() != 0 {
		t.Errorf("%v, %d retries", err, count.Retries.Load())
	}
	if err := l.Again(ctx, 3, io.ErrUnexpectedEOF); err != io.ErrUnexpectedEOF || count.Retries.Load() != 1 {
		t.Errorf("%v, %d retries", err, count.Retries.Load())
	}
}

// A later is an answer that says when to come again.
type later struct{ status }

func (later) RetryAfter() time.Duration { return 3 * time.Second }

func TestDelay(t *testing.T) {
	var p retry.Standard
	if d := p.Delay(1, fmt.Errorf("w: %w", later{503})); d != 3*time.Second {
		t.Errorf("asked for 3 s, waits %v", d)
	}
	for attempt, most := range map[int]time.Duration{1: 2 * time.Second, 4: 16 * time.Second, 5: retry.MaxBackoff, 100: retry.MaxBackoff} {
		for range 100 {
			if d := p.Delay(attempt, status(500)); d < 0 || d > most {
				t.Fatalf("after attempt %d: %v", attempt, d)
			}
		}
	}
}

func TestRetryable(t *testing.T) {
	var p retry.Standard
	for _, err := range []error{status(408), status(429), status(500), status(504), syscall.ECONNRESET, os.ErrDeadlineExceeded, context.DeadlineExceeded} {
		if !p.Retryable(fmt.Errorf("w: %w", err)) {
			t.Errorf("%v is not worth another try", err)
		}
	}
	for _, err := range []error{status(400), status(403), status(412), status(501), errors.New("x")} {
		if p.Retryable(fmt.Errorf("w: %w", err)) {
			t.Errorf("%v is worth another try", err)
		}
	}
}
