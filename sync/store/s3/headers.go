package s3

import (
	"context"
	"maps"
	"net/http"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Headers are what requests bring because a user asked for it. The zero value is none.
type Headers struct {
	object http.Header // of a new object: by one request, in parts, or by a copy
	key    http.Header // the customer's key, of requests that read or write content
	source http.Header // the customer's key of what is copied
	any    http.Header // of every request
}

// set sets a header of one of the groups, which is made where there is none.
func set(group *http.Header, name, value string) {
	if *group == nil {
		*group = http.Header{}
	}
	group.Set(name, value)
}

// reads, writes and others are the headers of requests of that sort.
func (h Headers) reads() http.Header  { return joined(h.any, h.key) }
func (h Headers) writes() http.Header { return joined(h.any, h.key, h.object) }
func (h Headers) parts() http.Header  { return joined(h.any, h.key) }
func (h Headers) copies() http.Header { return joined(h.any, h.key, h.object, h.source) }
func (h Headers) others() http.Header { return joined(h.any) }

func joined(groups ...http.Header) http.Header {
	var all http.Header
	for _, g := range groups {
		if len(g) == 0 {
			continue
		}
		if all == nil {
			all = http.Header{}
		}
		maps.Copy(all, g)
	}
	return all
}

// bringing makes an operation of the SDK bring the headers, signed. A type that the SDK made up is not sent.
func bringing(h http.Header) func(*awss3.Options) {
	return awss3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("ferryHeaders", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
			if rq, ok := in.Request.(*smithyhttp.Request); ok {
				if smithyhttp.GetIsContentTypeDefaultValue(ctx) {
					rq.Header.Del("Content-Type")
				}
				for k, v := range h {
					rq.Header[k] = v
				}
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	})
}
