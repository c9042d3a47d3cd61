package s3

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Options of a Store. The zero value is good.
type Options struct {
	// VirtualHost puts the bucket in the host name even with a custom endpoint. Otherwise a custom endpoint gets it in the path,
	// because emulators and most servers know no other form.
	VirtualHost bool
	// PartSize is the size of a part of a multipart upload in bytes, and of the largest object that is sent by one request. 0 means
	// 16 MiB and 64 MiB: some servers write an object of parts twice. A part is larger where an object would have over 10,000.
	PartSize int64
	// MaxAttempts is how many tries a request has. 0 is the AWS configuration's number, or else retry.DefaultAttempts.
	MaxAttempts int
}

// Store is a bucket. It is safe for concurrent use.
type Store struct {
	bucket   string
	client   *awss3.Client // for multipart uploads; all else goes over wire
	wire     http.RoundTripper
	loop     *retry.Loop
	auth     *auth
	base     *url.URL // of the bucket: its path, escaped, is what keys are appended to
	basePath string
	upload   checksum.Algorithm // of uploads, None where the endpoint is custom
	unsigned bool               // payloads are not hashed for the signature
	parts    partSizes
	problem  error // what made the configuration unusable; every method returns it
}

// partSizes in bytes.
type partSizes struct {
	size   int64 // of a part of a multipart upload
	single int64 // of the largest object that is sent by one request
}

var _ store.Store = (*Store)(nil)

// New makes a Store of the bucket. It sends nothing. A configuration that cannot work fails at the first request.
func New(cfg aws.Config, bucket string, o Options) *Store {
	s := &Store{bucket: bucket, parts: partSizes{o.PartSize, o.PartSize}, auth: new(auth)}
	if o.PartSize == 0 {
		s.parts = partSizes{16 << 20, 64 << 20}
	}
	s.auth.cache, _ = cfg.Credentials.(*aws.CredentialsCache)
	tries := o.MaxAttempts
	if tries == 0 {
		tries = cfg.RetryMaxAttempts
	}
	if tries == 0 {
		tries = retry.DefaultAttempts
	}
	sdk := newRetryer(tries)
	s.loop = retry.New(sdk.MaxAttempts(), &policy{sdk, s.auth}, pacer{sdk})
	s.wire = transport(cfg.HTTPClient)
	s.client = awss3.NewFromConfig(cfg, func(c *awss3.Options) {
		c.Retryer = sdk
		c.HTTPClient = roundTripClient{s.wire}
		if c.BaseEndpoint == nil {
			return
		}
		c.UsePathStyle = !o.VirtualHost && !strings.HasSuffix(hostOf(*c.BaseEndpoint), ".amazonaws.com")
		c.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	s.configure()
	return s
}

// configure takes from the SDK's client what the client's own requests would use.
func (s *Store) configure() {
	o := s.client.Options()
	if o.Credentials != nil && !aws.IsCredentialsProvider(o.Credentials, (*aws.AnonymousCredentials)(nil)) {
		s.auth.creds = o.Credentials
	}
	if o.Region == "" {
		if o.BaseEndpoint == nil {
			s.problem = s.fault("opening", "", store.ErrRegion, "no region is configured; set AWS_REGION", nil)
			return
		}
		o.Region = "us-east-1" // what servers other than AWS expect when nobody says otherwise
	}
	ep, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), awss3.EndpointParameters{
		Bucket: &s.bucket, Region: &o.Region, Endpoint: o.BaseEndpoint, ForcePathStyle: &o.UsePathStyle,
		Accelerate: &o.UseAccelerate, UseArnRegion: &o.UseARNRegion,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	}.WithDefaults())
	if err != nil {
		s.problem = s.fault("opening", "", store.ErrNoBucket, "no endpoint for it", err)
		return
	}
	s.base = &ep.URI
	s.basePath = strings.TrimSuffix(ep.URI.EscapedPath(), "/")
	s.auth.signer.region = o.Region
	if schemes, ok := smithyauth.GetAuthOptions(&ep.Properties); ok {
		for _, scheme := range schemes {
			if r, ok := smithyhttp.GetSigV4SigningRegion(&scheme.SignerProperties); ok && r != "" {
				s.auth.signer.region = r
			}
		}
	}
	if s.base.Scheme == "https" {
		wire.OverTLS(s.wire)
	}
	// Over TLS to AWS itself the bytes are covered by TLS and by a CRC that S3 checks and keeps, and need no SHA-256 in
	// the signature. A server of another kind may not know these checksums, but every one checks the signature.
	if o.BaseEndpoint == nil && s.base.Scheme == "https" {
		s.upload, s.unsigned = checksum.CRC32, true
	}
}

// URL of a key.
func (s *Store) URL(key string) string {
	if key == "" {
		return "s3://" + s.bucket
	}
	return "s3://" + s.bucket + "/" + key
}

// transport is the SDK's own, with its proxy and CA settings, made fit for many requests to one host.
func transport(c aws.HTTPClient) http.RoundTripper {
	switch c := c.(type) {
	case nil:
		return wire.Tune(awshttp.NewBuildableClient().GetTransport())
	case *awshttp.BuildableClient:
		return wire.Tune(c.GetTransport())
	default:
		return clientTransport{c}
	}
}

// clientTransport makes a RoundTripper of a client somebody configured, such as a test's.
type clientTransport struct{ c aws.HTTPClient }

func (t clientTransport) RoundTrip(r *http.Request) (*http.Response, error) { return t.c.Do(r) }

// roundTripClient makes the SDK use the same connections.
type roundTripClient struct{ t http.RoundTripper }

func (c roundTripClient) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.t.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	return resp, nil
}

func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
