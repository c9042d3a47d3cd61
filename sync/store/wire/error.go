package wire

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
)

// A RequestError is the error of a request, or of one try of it.
type RequestError struct {
	Op   string // what was being done: "reading", "listing"
	URL  string
	Kind error // one of package store's errors; nil where none says it

	Status    int // of HTTP; 0 where no answer came
	Code      string
	Message   string
	RequestID string
	Wait      time.Duration // the wait that the answer asks for; 0 for none
	Advice    string        // what the reader can do with this kind of store; see Hint
	Err       error
}

var _ cause.Hinted = (*RequestError)(nil)

func (e *RequestError) Error() string {
	text := e.Op + " " + strconv.Quote(e.URL)
	if e.Kind != nil {
		text += ": " + e.Kind.Error()
	}
	switch {
	case e.Status != 0:
		text += ": " + e.answer()
	case e.Message != "":
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + strings.Join(strings.Fields(e.Err.Error()), " ")
	}
	return text
}

// answer is what the store's answer says, for the message.
func (e *RequestError) answer() string {
	var about []string
	for _, s := range []string{strings.TrimSpace(e.Code), strings.ReplaceAll(e.Message, "\n", " "), "HTTP " + strconv.Itoa(e.Status)} {
		if s != "" {
			about = append(about, s)
		}
	}
	if e.RequestID != "" {
		about = append(about, "request "+e.RequestID)
	}
	return strings.Join(about, ", ")
}

// Unwrap gives both the kind and the cause to errors.Is and errors.As.
func (e *RequestError) Unwrap() []error {
	var all []error
	if e.Kind != nil {
		all = append(all, e.Kind)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// Hint implements cause.Hinted.
func (e *RequestError) Hint() string { return e.Advice }

// HTTPStatusCode is for retry.Standard.
func (e *RequestError) HTTPStatusCode() int { return e.Status }

// RetryAfter is for retry.Standard.
func (e *RequestError) RetryAfter() time.Duration { return e.Wait }

// KindOf is the one of package store's errors that an HTTP status alone shows, or nil.
func KindOf(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return store.ErrDenied
	case http.StatusNotFound:
		return store.ErrNotExist
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return store.ErrChanged
	}
	return nil
}

// RetryAfter is the header of that name, in seconds: the only form that stores use. It is 0 where the header is missing or has another
// form.
func RetryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// Ended is the error of an operation that ended because ctx did. It is nil where ctx has not ended.
func Ended(ctx context.Context, op, url string) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", op, strconv.Quote(url), context.Cause(ctx))
}
