package retry

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// An answered error has the HTTP status of an answer; 0 where none came.
type answered interface{ HTTPStatusCode() int }

// A waiting error has the time the store asks to wait, as in the header Retry-After; 0 where it does not say.
type waiting interface{ RetryAfter() time.Duration }

// Standard is the policy of a store that speaks HTTP and has no other habits. It reads the methods HTTPStatusCode and
// RetryAfter of errors in the chain, which wire.RequestError has. A store with credentials embeds it and has a Refresh of its own.
type Standard struct{}

var _ Policy = Standard{}

// Retryable is true for what RFC 9110, 15.6, and the documentation of all large stores call a moment's trouble: 408, 429 and
// the errors of a server but 501 and 505; and for connections that could not be made, broke or fell silent.
func (Standard) Retryable(err error) bool {
	var body *store.BodyError
	if errors.Is(err, context.Canceled) || errors.As(err, &body) {
		return false
	}
	switch statusOf(err) {
	case 0:
		return unconnected(err)
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return Broken(err) // an answer that began well
}

// Delay is what the store asks for, or else Backoff.
func (Standard) Delay(try int, err error) time.Duration {
	var w waiting
	if errors.As(err, &w) && w.RetryAfter() > 0 {
		return min(w.RetryAfter(), MaxBackoff)
	}
	return Backoff(try)
}

// Throttled is true for 429 and 503.
func (Standard) Throttled(err error) bool { return Slower(statusOf(err)) }

// Refresh has nothing to renew.
func (Standard) Refresh(error) {}

// Slower says whether an HTTP status asks for fewer requests.
func Slower(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
}

// MaxBackoff bounds the time between two attempts, as in the SDKs of AWS.
const MaxBackoff = 20 * time.Second

// Backoff is a random part of 2 s after the first attempt, of 4 s after the second, and so on up to MaxBackoff: with jitter
// over all of it, requests that failed together do not come again together.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func Backoff(try int) time.Duration {
	most := MaxBackoff
	if try < 5 {
		most = min(most, time.Second<<try)
	}
	return rand.N(most)
}

// Broken says whether err is a connection that broke, or fell silent.
func Broken(err error) bool {
	for _, broken := range []error{io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.EPIPE, os.ErrDeadlineExceeded} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// unconnected says whether err is of the network, and may pass. A name that does not exist stays so.
func unconnected(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	return Broken(err) || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &timeout) && timeout.Timeout()
}

func statusOf(err error) int {
	var a answered
	if errors.As(err, &a) {
		return a.HTTPStatusCode()
	}
	return 0
}
