package s3

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/smithy-go"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/wire"
)

// An Error is the error of a request, or of one try of it.
type Error struct {
	wire.RequestError
	Region string    // the bucket's, where the answer tells
	clock  time.Time // the server's, where the answer tells
}

var _ interface {
	cause.Hinted
	smithy.APIError
} = (*Error)(nil)

func (e *Error) Error() string {
	if e.Kind == store.ErrRegion && e.Region != "" {
		return e.Op + " " + strconv.Quote(e.URL) + ": " + e.Kind.Error() + ", " + strconv.Quote(e.Region) + "; set AWS_REGION to it"
	}
	return e.RequestError.Error()
}

// fault makes an Error that does not come from an answer. kind and err may be nil, and message "".
func (s *Store) fault(op, key string, kind error, message string, err error) *Error {
	return &Error{RequestError: wire.RequestError{Op: op, URL: s.URL(key), Kind: kind, Message: message, Advice: hints[kind], Err: err}}
}

// hints are what a user of S3 can do, by kind.
var hints = map[error]string{
	store.ErrCredentials: "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the job a role",
	store.ErrDenied:      "`ferry jobdef --iam` prints the policy that ferry needs",
	store.ErrArchived:    "`aws s3api restore-object` asks S3 for a copy that can be read, which takes minutes to hours",
	store.ErrNoBucket:    "is the bucket's name right, and AWS_REGION?",
	store.ErrUnreachable: "is AWS_ENDPOINT_URL right, and the network there?",
}

// ErrorCode, ErrorMessage and ErrorFault make it a smithy.APIError, which is what the SDK's retryer decides on.
func (e *Error) ErrorCode() string             { return e.Code }
func (e *Error) ErrorMessage() string          { return e.Message }
func (e *Error) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// errorBody is the XML of an error answer.
type errorBody struct {
	Code, Message, RequestID, Region string
}

// answerError makes an Error of an answer with another status than the wanted one.
func (s *Store) answerError(op, key string, resp *http.Response) *Error {
	e := s.fault(op, key, nil, "", nil)
	e.Status = resp.StatusCode
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
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		e.clock = t
	}
	return e.withKind()
}

// withKind sets the kind that the answer shows, and the hint that goes with it.
func (e *Error) withKind() *Error {
	e.Kind = kindOf(e)
	e.Advice = hints[e.Kind]
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
	case "InvalidObjectState":
		return store.ErrArchived
	case "AccessDenied": // in a list of failed deletions no status tells
		return store.ErrDenied
	}
	switch e.Status {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return store.ErrRegion
	}
	return wire.KindOf(e.Status)
}

// sendError makes an Error of a request that got no answer, or not all of it.
func (s *Store) sendError(ctx context.Context, op, key string, err error) error {
	if ended := wire.Ended(ctx, op, s.URL(key)); ended != nil {
		return ended
	}
	return s.fault(op, key, store.ErrUnreachable, "", err)
}
