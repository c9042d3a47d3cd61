package s3

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/genepattern/ferry/sync/store"
)

// special has the SDK address, sign and send a request. It knows what directory buckets, multi-region access points and Outposts want:
// sessions, Signature Version 4a, another service's name. The SDK runs an operation of its own, whose request is replaced before it
// is signed, and whose answer is taken off before it is read.
func (ps *places) special(at *place, rq *http.Request, r *request) (*http.Response, error) {
	ctx := rq.Context()
	seen := &seenAnswer{next: ps.s.wire}
	options := func(o *awss3.Options) {
		o.HTTPClient = seen
		o.Retryer = aws.NopRetryer{}
		o.APIOptions = append(o.APIOptions[:len(o.APIOptions):len(o.APIOptions)], func(stack *middleware.Stack) error {
			return stack.Serialize.Add(replacing{rq, r.sha256}, middleware.After)
		})
	}
	var err error
	if r.key == "" {
		_, err = at.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &ps.s.bucket}, options)
	} else {
		_, err = at.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &ps.s.bucket, Key: &r.key}, options)
	}
	if seen.resp != nil {
		return seen.resp, nil
	}
	var api smithy.APIError
	var unsent *smithyhttp.RequestSendError
	switch {
	case seen.err != nil || ctx.Err() != nil || errors.As(err, &unsent):
		return nil, ps.s.sendError(ctx, r.op, r.named(), err)
	case errors.As(err, &api): // of what the SDK asked for before, such as a session
		return nil, ps.s.sdkError(ctx, r.op, r.named(), err)
	}
	return nil, ps.s.fault(r.op, r.named(), store.ErrCredentials, "", err)
}

// replacing puts a request in place of the operation's.
type replacing struct {
	rq      *http.Request
	payload string // its hash
}

func (replacing) ID() string { return "ferryRequest" }

func (p replacing) HandleSerialize(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
	made, ok := in.Request.(*smithyhttp.Request)
	if ok {
		made.Method = p.rq.Method
		made.URL.RawQuery = p.rq.URL.RawQuery
		made.Header = p.rq.Header.Clone()
		made.ContentLength = p.rq.ContentLength
		if p.rq.Body != nil {
			var err error
			if made, err = made.SetStream(io.Reader(p.rq.Body)); err != nil {
				return middleware.SerializeOutput{}, middleware.Metadata{}, err
			}
			in.Request = made
		}
	}
	return next.HandleSerialize(v4.SetPayloadHash(ctx, p.payload), in)
}

// seenAnswer keeps the answer to one request, and gives the SDK an empty one instead.
type seenAnswer struct {
	next http.RoundTripper
	resp *http.Response
	err  error
}

func (c *seenAnswer) Do(rq *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(rq)
	if err != nil {
		c.err = err
		return nil, err
	}
	c.resp = resp
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: rq}, nil
}
