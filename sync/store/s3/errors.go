package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/genepattern/ferry/sync/store"
)

// An Error is a request that failed for good, or an attempt of it.
type Error struct {
	Op   string // what was being done: "reading", "listing"
	URL  string
	Kind error // one of package store's errors; nil where none says it

	Status    int // of HTTP; 0 where no answer came
	Code      string
	Message   string
	RequestID string
	Region    string // the bucket's, where the answer tells
	Err       error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Op, strconv.Quote(e.URL))
	if e.Kind != nil {
		fmt.Fprintf(&b, ": %s", e.Kind)
	}
	switch {
	case e.Kind == store.ErrRegion && e.Region != "":
		fmt.Fprintf(&b, ", %s; set AWS_REGION to it", strconv.Quote(e.Region))
	case e.Status != 0:
		var about []string
		for _, s := range []string{strings.TrimSpace(e.Code), strings.ReplaceAll(e.Message, "\n", " "), "HTTP " + strconv.Itoa(e.Status)} {
			if s != "" {
				about = append(about, s)
			}
		}
		if e.RequestID != "" {
			about = append(about, "request "+e.RequestID)
		}
		fmt.Fprintf(&b, ": %s", strings.Join(about, ", "))
	case e.Message != "":
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %s", oneLine(e.Err))
	}
	return b.String()
}

// Unwrap gives both the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	var all []error
	if e.Kind != nil {
		all = append(all, e.Kind)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// hints are what a user of S3 can do, by kind.
var hints = map[error]string{
	store.ErrCredentials: "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the job a role",
	store.ErrDenied:      "`ferry jobdef --iam` prints the policy that ferry needs",
	store.ErrNoBucket:    "is the bucket's name right, and AWS_REGION?",
	store.ErrUnreachable: "is AWS_ENDPOINT_URL right, and the network there?",
}

// Hint makes it a cause.Hinted.
func (e *Error) Hint() string { return hints[e.Kind] }

// ErrorCode, ErrorMessage and ErrorFault make it a smithy.APIError, which is what the SDK's retryer decides on.
func (e *Error) ErrorCode() string             { return e.Code }
func (e *Error) ErrorMessage() string          { return e.Message }
func (e *Error) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// HTTPStatusCode is for the retryer, too.
func (e *Error) HTTPStatusCode() int { return e.Status }

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// errorBody is the XML of an error answer.
type errorBody struct {
	Code, Message, RequestID, Region string
}

// answerError makes an Error of an answer that is not what was asked for.
func (s *Store) answerError(op, key string, resp *http.Response) *Error {
	e := &Error{Op: op, URL: s.URL(key), Status: resp.StatusCode}
	var body errorBody
	if xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&body) == nil {
		e.Code, e.Message, e.RequestID, e.Region = body.Code, body.Message, body.RequestID, body.Region
	}
	if id := resp.Header.Get("X-Amz-Request-Id"); id != "" {
		e.RequestID = id
	}
	if r := resp.Header.Get("X-Amz-Bucket-Region"); r != "" {
		e.Region = r
	}
	e.Kind = kindOf(e)
	return e
}

func kindOf(e *Error) error {
	switch e.Code {
	case "NoSuchBucket":
		return store.ErrNoBucket
	case "NoSuchKey":
		return store.ErrNotExist
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return store.ErrCredentials
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect":
		return store.ErrRegion
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return store.ErrDenied
	case http.StatusNotFound:
		return store.ErrNotExist
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return store.ErrRegion
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return store.ErrChanged
	}
	return nil
}

// sendError makes an Error of a request that got no answer, or not all of it.
func (s *Store) sendError(ctx context.Context, op, key string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, strconv.Quote(s.URL(key)), context.Cause(ctx))
	}
	return &Error{Op: op, URL: s.URL(key), Kind: store.ErrUnreachable, Err: err}
}

// retryable adds to what the SDK's retryer knows.
func retryable(err error) aws.Ternary {
	// A deadline is as likely that of a connection in the making, whose timeout says that it is context.DeadlineExceeded:
	// whether the request's own has passed is asked of its context.
	if errors.Is(err, context.Canceled) {
		return aws.FalseTernary
	}
	var e *Error
	if !errors.As(err, &e) {
		return aws.UnknownTernary
	}
	switch e.Code {
	case "SlowDown", "RequestTimeTooSkewed", "ExpiredToken", "BadDigest", "XAmzContentSHA256Mismatch", "OperationAborted":
		return aws.TrueTernary
	}
	// Connections that break are worth another try; names that do not resolve and ports where nobody listens are
	// tried again by the SDK's own rules.
	for _, broken := range []error{io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.EPIPE, os.ErrDeadlineExceeded} {
		if errors.Is(err, broken) {
			return aws.TrueTernary
		}
	}
	if e.Status == http.StatusTooManyRequests {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
