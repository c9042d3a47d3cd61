package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A patience says how long the engine is waited for. An engine that accepts a request and never answers would otherwise hold
// ferry for ever.
type patience struct {
	ping    time.Duration // for the two requests that cost the engine nothing, and by which ferry learns whether it answers
	control time.Duration // for the whole of a request that tells or changes something small
	bulk    time.Duration // for the whole of a request that takes longer the more files there are, and says nothing meanwhile
	idle    time.Duration // for the next byte of a stream
}

// standard is far above what a busy node needs: with eight times more to run than it had cores, a container took 6 s to start.
var standard = patience{ping: 30 * time.Second, control: 2 * time.Minute, bulk: 30 * time.Minute, idle: 5 * time.Minute}

// A bound is how a request is bounded.
type bound struct {
	first  time.Duration // until the answer begins
	next   time.Duration // for each further piece of it; 0 where first is for the whole answer
	upload time.Duration // for the engine to take the next piece of the request's body; 0 where first holds
	open   bool          // the answer may take as long as it likes, once it has begun
}

// of is the bound of a request, by what the Engine API's paths mean.
func (p patience) of(r *http.Request) bound {
	path := r.URL.Path
	if _, versioned, ok := strings.Cut(path, "/v1."); ok {
		_, rest, _ := strings.Cut(versioned, "/")
		path = "/" + rest
	}
	is := func(method, begin, end string) bool {
		return r.Method == method && strings.HasPrefix(path, begin) && strings.HasSuffix(path, end)
	}
	switch {
	case strings.HasSuffix(path, "/_ping"), path == "/info":
		return bound{first: p.ping}
	case is(http.MethodPost, "/containers/", "/wait"), is(http.MethodGet, "/events", ""):
		return bound{first: p.control, open: true}
	case is(http.MethodPost, "/containers/", "/stop"):
		grace, _ := strconv.Atoi(r.URL.Query().Get("t"))
		return bound{first: p.control + time.Duration(grace)*time.Second}
	case is(http.MethodPost, "/images/create", ""), strings.HasSuffix(path, "/libpod/images/pull"), is(http.MethodPost, "/images/", "/push"), is(http.MethodGet, "/containers/", "/archive"):
		return bound{first: p.idle, next: p.idle}
	case is(http.MethodPut, "/containers/", "/archive"):
		return bound{first: p.idle, upload: p.idle}
	case is(http.MethodPost, "/images/load", ""):
		return bound{first: p.bulk, next: p.bulk, upload: p.idle} // it unpacks once it has all
	case is(http.MethodPost, "/commit", ""), is(http.MethodGet, "/containers/", "/changes"), is(http.MethodDelete, "", ""):
		return bound{first: p.bulk}
	}
	return bound{first: p.control}
}

// errSilent is the error of an engine that has not answered in time.
var errSilent = errors.New("it does not answer")

// A patient http.RoundTripper gives up on an engine that is silent for too long. Time in which it is ferry that reads or writes
// slowly does not count.
type patient struct {
	next   http.RoundTripper
	limits patience
}

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	b := p.limits.of(r)
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &vigil{bound: b, ctx: ctx, cancel: cancel}
	w.begin(b.first)
	r = r.WithContext(ctx)
	if b.upload > 0 && r.Body != nil {
		r.Body = &sent{r.Body, w}
	}
	answer, err := p.next.RoundTrip(r)
	if err != nil {
		err = w.explain(err)
		w.end()
		return nil, err
	}
	if b.open || b.next > 0 {
		w.timer.Stop()
	}
	answer.Body = &received{answer.Body, w}
	return answer, nil
}

// A vigil is the wait for one answer.
type vigil struct {
	bound  bound
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  atomic.Int64 // that the timer runs for
}

func (w *vigil) begin(limit time.Duration) {
	w.limit.Store(int64(limit))
	w.timer = time.AfterFunc(limit, func() { w.cancel(errSilent) })
}

func (w *vigil) again(limit time.Duration) {
	w.limit.Store(int64(limit))
	w.timer.Reset(limit)
}

func (w *vigil) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain is err, or that the engine was silent where that has led to err.
func (w *vigil) explain(err error) error {
	if err == nil || errors.Is(err, io.EOF) || !errors.Is(context.Cause(w.ctx), errSilent) {
		return err
	}
	return fmt.Errorf("%w (for %v)", errSilent, time.Duration(w.limit.Load()))
}

// received is the body of an answer.
type received struct {
	io.ReadCloser
	w *vigil
}

func (b *received) Read(p []byte) (int, error) {
	if next := b.w.bound.next; next > 0 {
		b.w.again(next)
		defer b.w.timer.Stop()
	}
	n, err := b.ReadCloser.Read(p)
	return n, b.w.explain(err)
}

func (b *received) Close() error {
	defer b.w.end()
	return b.ReadCloser.Close()
}

// sent is the body of a request.
type sent struct {
	io.ReadCloser
	w *vigil
}

// Read stops the clock while the next piece is made, and starts it for the engine to take that piece.
func (b *sent) Read(p []byte) (int, error) {
	b.w.timer.Stop()
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		b.w.again(b.w.bound.upload)
	} else {
		b.w.again(b.w.bound.first)
	}
	return n, err
}
