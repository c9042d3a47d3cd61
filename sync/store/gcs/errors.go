package gcs

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// An Error is the error of a request, or of one try of it.
type Error struct {
	wire.RequestError
	again bool // another try may do better, whatever the status says
}

var _ cause.Hinted = (*Error)(nil)

// fault makes an Error that does not come from an answer. kind and err may be nil.
func (c *client) fault(r *request, kind, err error) *Error {
	return &Error{RequestError: wire.RequestError{Op: r.op, URL: c.URL(r.key), Kind: kind, Advice: hints[kind], Err: err}}
}

// unanswered makes the error of a request that got no answer, or not all of it.
func (c *client) unanswered(ctx context.Context, r *request, err error) error {
	if ended := wire.Ended(ctx, r.op, c.URL(r.key)); ended != nil {
		return ended
	}
	return c.fault(r, store.ErrUnreachable, err)
}

// unsent makes the error of a request that was not sent. All other errors are made already.
func (c *client) unsent(ctx context.Context, r *request, err error) error {
	var unsent *retry.Unsent
	if errors.As(err, &unsent) {
		return c.unanswered(ctx, r, unsent.Err)
	}
	return err
}

// answered makes an Error of an answer with another status than a wanted one. The JSON API says why in JSON, the XML API in XML.
func (c *client) answered(r *request, resp *http.Response) *Error {
	e := c.fault(r, nil, nil)
	e.Status, e.Wait = resp.StatusCode, wire.RetryAfter(resp.Header)
	e.RequestID = resp.Header.Get("X-Guploader-Uploadid")
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil {
		e.Code, e.Message = reason(body)
	}
	e.Kind = kindOf(e, r.absent)
	e.Advice = hints[e.Kind]
	switch e.Code {
	case "UserProjectMissing", "required":
		if e.Status == http.StatusBadRequest {
			e.Kind, e.Advice = store.ErrDenied, "the bucket's requester pays: --billing-project PROJECT says who"
		}
	case "UserProjectInvalid", "UserProjectAccessDenied", "UserProjectAccountProblem", "UserProjectInconsistent":
		e.Kind, e.Advice = store.ErrDenied, "--billing-project names a project, by its id, whose services the account may use (roles/serviceusage.serviceUsageConsumer)"
	}
	return e
}

// reason is the code and the message of an answer.
// https://cloud.google.com/storage/docs/json_api/v1/status-codes and https://cloud.google.com/storage/docs/xml-api/reference-status
func reason(body []byte) (code, message string) {
	var j struct {
		Error struct {
			Message string
			Errors  []struct{ Reason string }
		}
	}
	if json.Unmarshal(body, &j) == nil {
		if len(j.Error.Errors) > 0 {
			code = j.Error.Errors[0].Reason
		}
		return code, j.Error.Message
	}
	var x struct{ Code, Message string }
	if xml.Unmarshal(body, &x) == nil {
		return x.Code, x.Message
	}
	return "", ""
}

// kindOf is the one of package store's errors that an answer shows, or nil.
func kindOf(e *Error, absent error) error {
	switch e.Code {
	case "NoSuchBucket":
		return store.ErrNoBucket
	case "NoSuchKey":
		return store.ErrNotExist
	case "rateLimitExceeded", "userRateLimitExceeded":
		return nil
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		return store.ErrCredentials
	case e.Status == http.StatusNotFound && absent != nil:
		return absent
	}
	return wire.KindOf(e.Status)
}

// A policy is the standard one with the answers by which Google asks for patience.
// https://cloud.google.com/storage/docs/retry-strategy
type policy struct{ retry.Standard }

var _ retry.Policy = policy{}

func (p policy) Retryable(err error) bool {
	var e *Error
	if errors.As(err, &e) && (e.again || limited(e)) {
		return true
	}
	return p.Standard.Retryable(err)
}

func (p policy) Throttled(err error) bool {
	var e *Error
	return errors.As(err, &e) && limited(e) || p.Standard.Throttled(err)
}

// limited reports whether an answer is that of a quota that is used up for the moment.
func limited(e *Error) bool {
	return e.Code == "rateLimitExceeded" || e.Code == "userRateLimitExceeded" || e.Code == "SlowDown"
}
