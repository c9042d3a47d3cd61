package docker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/pkg/jsonmessage"

	"github.com/genepattern/ferry/engine"
)

// A rest says how a registry is waited for that lets a node pull or push no more for now.
type rest struct {
	first time.Duration // where the registry does not say how long; it doubles
	total time.Duration // for all pauses of one pull or push
}

// standardRest is as long as a job may wait before it is better begun again elsewhere.
var standardRest = rest{first: 15 * time.Second, total: 15 * time.Minute}

// busyCode is the registry protocol's code for 429,
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes. The engine forwards it at the beginning of a text.
const busyCode = "toomanyrequests"

// isBusy says that a registry answers the engine no more for now. asked is what it says itself, which it says of its manifests to
// everybody.
func isBusy(err error, asked *http.Response) bool {
	if asked != nil && asked.StatusCode == http.StatusTooManyRequests {
		return true
	}
	text := ""
	if m := (*jsonmessage.JSONError)(nil); errors.As(err, &m) {
		text = m.Message
	} else {
		text = strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	}
	return protocolCode(text) == busyCode
}

// protocolCode is the registry protocol's code at the beginning of an error that the engine forwards.
func protocolCode(text string) string {
	code, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(text, "errors:\n")), ":")
	return code
}

// A wait is what one pull or push has waited for a registry so far.
type wait struct {
	rest   rest
	pauses int
	waited time.Duration
}

// next is how long to wait now; false where the registry is waited for no longer.
func (w *wait) next(asked *http.Response) (time.Duration, bool) {
	pause, ok := w.rest.nextPause(w.pauses+1, w.waited, asked)
	if ok {
		w.pauses++
		w.waited += pause
	}
	return pause, ok
}

// nextPause is how long to wait for a busy registry before try n; false where that is more than is left of the time for pauses.
func (r rest) nextPause(n int, waited time.Duration, asked *http.Response) (time.Duration, bool) {
	pause := r.first << min(n-1, 20)
	if asked != nil {
		if told, ok := retryAfter(asked, time.Now()); ok {
			pause = told
		}
	}
	if pause > r.total-waited {
		return 0, false
	}
	return pause + rand.N(pause/10+1), true
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(answer *http.Response, now time.Time) (time.Duration, bool) {
	text := answer.Header.Get("Retry-After")
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// askTime bounds the question how long a registry wants to be left alone.
const askTime = 10 * time.Second

// ask asks a registry for the headers of ref's manifest, without a login: the engine does not pass on how long it wants to be left alone. It
// is nil where there is no answer. The body is closed.
func ask(ctx context.Context, ref string) *http.Response {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil
	}
	host, what := reference.Domain(named), "latest"
	switch r := reference.TagNameOnly(named).(type) {
	case reference.Digested:
		what = r.Digest().String()
	case reference.Tagged:
		what = r.Tag()
	}
	schemes := []string{"https"}
	if loopback(host) { // where the engine takes plain HTTP, too
		schemes = append(schemes, "http")
	}
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, scheme := range schemes {
		r, err := http.NewRequestWithContext(ctx, http.MethodHead, fmt.Sprintf("%s://%s/v2/%s/manifests/%s", scheme, host, reference.Path(named), what), nil)
		if err != nil {
			return nil
		}
		if answer, err := client.Do(r); err == nil {
			_ = answer.Body.Close()
			return answer
		}
	}
	return nil
}

// loopback reports whether a registry is on the engine's own machine.
func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// busy makes the error of a registry that stayed busy.
func busy(doing, ref string, waited time.Duration, err error) error {
	return fmt.Errorf("%s %q: %w (waited %v): %w", doing, ref, engine.ErrBusy, waited.Round(time.Second), err)
}
