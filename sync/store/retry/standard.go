package retry

import (
	"context"
	"crypto/tls"
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

// An answered error has the HTTP status of the answer, or 0 where no answer came.
type answered interface{ HTTPStatusCode() int }

// A waiting error has the time that the store asks to wait, as in the header Retry-After, or 0.
type waiting interface{ RetryAfter() time.Duration }

// Standard is the Policy of a store that speaks HTTP and has no other habits. It reads the methods HTTPStatusCode and RetryAfter of
// errors in the chain; wire.RequestError has both. A store with credentials embeds Standard and has a Refresh of its own.
type Standard struct{}

var _ Policy = Standard{}

// Retryable is true for the statuses 408, 429, 500, 502, 503 and 504 (RFC 9110, 15.5 and 15.6; RFC 6585, 4). It is also true for
// whatever kept an answer from coming, such as a connection that the server closed while it was idle, unless it is Permanent.
func (Standard) Retryable(err error) bool {
	var body *store.BodyError
	if errors.Is(err, context.Canceled) || errors.As(err, &body) {
		return false
	}
	switch statusOf(err) {
	case 0:
		return errors.Is(err, store.ErrUnreachable) && !Permanent(err) || unconnected(err)
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return Broken(err) // an answer that began well
}

// Delay is the time that the store asks for, at most MaxBackoff. Where it asks for none, it is Backoff.
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

// Slower reports whether an HTTP status asks for fewer requests.
func Slower(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
}

// MaxBackoff bounds the time between two tries. The SDKs of AWS have the same bound.
const MaxBackoff = 20 * time.Second

// Backoff is how long to wait after the try of that number. It is a random time of up to 2 s after the first, up to 4 s after the
// second, and so on to MaxBackoff. Requests that failed together are so not sent again together.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func Backoff(try int) time.Duration {
	most := MaxBackoff
	if try < 5 {
		most = min(most, time.Second<<try)
	}
	return rand.N(most)
}

// Broken reports whether err is that of a connection that broke or fell silent.
func Broken(err error) bool {
	for _, broken := range []error{io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.EPIPE, os.ErrDeadlineExceeded} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// Permanent reports whether err, of a request that got no answer, is one that another try meets again: a certificate that is not
// trusted, a server without TLS, a body that cannot be read.
func Permanent(err error) bool {
	var cert *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var body *store.BodyError
	return errors.As(err, &cert) || errors.As(err, &plain) || errors.As(err, &body)
}

// unconnected reports whether err is an error of the network that may pass. A name that does not exist will not.
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
