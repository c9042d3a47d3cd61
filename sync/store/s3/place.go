package s3

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/genepattern/ferry/sync/store"
)

// A place is where requests to the bucket go, and how they are signed. It changes only where the bucket turns out to be in another
// region; then there is a new one.
type place struct {
	region   string
	client   *awss3.Client // for multipart uploads; all else goes over wire
	base     *url.URL      // of the bucket: its path, escaped, is what keys are appended to
	basePath string
	signer   signer
	special  bool // the SDK signs: what the bucket wants is more than Signature Version 4 for "s3"
}

// fallbackRegion is where a request goes if nobody says otherwise. AWS answers with the bucket's region, and other servers expect it.
const fallbackRegion = "us-east-1"

// places know where requests go now. They are safe for concurrent use.
type places struct {
	s      *Store
	config aws.Config
	retry  aws.RetryerV2
	at     atomic.Pointer[place]
	moves  atomic.Int32 // how often at was replaced
}

// here is where requests go now.
func (ps *places) here() *place { return ps.at.Load() }

// client makes the SDK's client for a region.
func (ps *places) client(region string) *awss3.Client {
	return awss3.NewFromConfig(ps.config, func(c *awss3.Options) {
		c.Retryer = ps.retry
		c.HTTPClient = roundTripClient{ps.s.wire}
		c.Region = region
		ps.s.options.onto(c)
		if c.BaseEndpoint != nil {
			c.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		}
	})
}

// in makes a place of a region, of what the SDK's client would do there.
func (ps *places) in(region string) (*place, error) {
	if region == "" {
		region = fallbackRegion
	}
	p := &place{region: region, client: ps.client(region)}
	o := p.client.Options()
	ep, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), awss3.EndpointParameters{
		Bucket: &ps.s.bucket, Region: &o.Region, Endpoint: o.BaseEndpoint, ForcePathStyle: &o.UsePathStyle,
		Accelerate: &o.UseAccelerate, UseArnRegion: &o.UseARNRegion,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	}.WithDefaults())
	if err != nil {
		return nil, ps.s.fault("opening", "", store.ErrNoBucket, "no endpoint for it", err)
	}
	p.base = &ep.URI
	p.basePath = strings.TrimSuffix(ep.URI.EscapedPath(), "/")
	p.signer.region = o.Region
	if schemes, ok := smithyauth.GetAuthOptions(&ep.Properties); ok && len(schemes) > 0 {
		first := schemes[0]
		if r, ok := smithyhttp.GetSigV4SigningRegion(&first.SignerProperties); ok && r != "" {
			p.signer.region = r
		}
		name, _ := smithyhttp.GetSigV4SigningName(&first.SignerProperties)
		plain := first.SchemeID == "sigv4" || first.SchemeID == smithyauth.SchemeIDSigV4
		p.special = !plain || name != "s3"
	}
	return p, nil
}

// maxMoves ends a walk in circles. All requests that are on their way may be told at once where to go.
const maxMoves = 1000

// move makes requests go to the bucket's region, and says whether they went elsewhere before.
func (ps *places) move(from *place, region string) bool {
	if region == "" || region == from.region || ps.moves.Add(1) > maxMoves {
		return false
	}
	p, err := ps.in(region)
	if err != nil {
		return false
	}
	ps.at.CompareAndSwap(from, p) // whoever was faster was told the same
	return true
}

// regionOf is the bucket's region, as a failed request tells it; "" where nobody tells. The SDK keeps no region of its errors, so another
// request asks for it.
func (ps *places) regionOf(ctx context.Context, at *place, failed *Error) string {
	if failed.Region != "" {
		return failed.Region
	}
	store.CounterOf(ctx).Requests.Add(1)
	r := request{op: "listing", method: http.MethodGet, query: "list-type=2&max-keys=1", sha256: emptyPayload, brings: ps.s.options.Headers.others()}
	resp, err := ps.exchange(at, at.request(ctx, &r), &r)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	return ps.s.answerError(r.op, "", resp).Region
}

// follow goes to the bucket's region where err says that it is another one, and says whether to try again there.
func (ps *places) follow(ctx context.Context, at *place, err error) bool {
	var failed *Error
	return errors.As(err, &failed) && failed.Kind == store.ErrRegion && ps.move(at, ps.regionOf(ctx, at, failed))
}
