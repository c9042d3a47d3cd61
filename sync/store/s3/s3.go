// Package s3 is a store in a bucket of Amazon S3 or of a server that speaks its protocol.
//
// Small requests, which a transfer makes by the thousand, are built, signed and sent here over net/http, because the
// SDK's stack of middlewares costs more than the request itself (docs/sync.md has the profile). Everything around them
// is the SDK's: configuration, endpoint, credentials and their renewal, the adaptive retryer, and multipart uploads.
package s3

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// Options of a Store. The zero value is good.
type Options struct {
	// VirtualHost puts the bucket in the host name also with a custom endpoint, which otherwise gets it in the path:
	// emulators and most servers know no other form.
	VirtualHost bool
	// PartSize of multipart uploads in bytes, and the largest object that is sent by one request. 0 is 16 MiB and 64 MiB:
	// some servers write an object of parts twice. It grows where an object would have over 10,000 parts.
	PartSize int64
	// MaxAttempts of one request; 0 is the configuration's, or 8.
	MaxAttempts int
}

// Store is a bucket. It is safe for concurrent use.
type Store struct {
	bucket    string
	client    *awss3.Client // for multipart uploads; all else goes over wire
	wire      http.RoundTripper
	retryer   aws.RetryerV2
	creds     aws.CredentialsProvider // nil for anonymous access
	cache     *aws.CredentialsCache   // that creds take them from; nil where there is none
	skew      atomic.Int64            // what this machine's clock lacks, in nanoseconds, once the server complained about it
	signer    signer
	base      *url.URL // of the bucket: its path, escaped, is what keys are appended to
	basePath  string
	upload    checksum.Algorithm // of uploads, None where the endpoint is custom
	unsigned  bool               // payloads are not hashed for the signature
	partSize  int64
	single    int64        // size of the largest object that is sent by one request
	throttled atomic.Int64 // time of the last answer that asked for fewer requests and was passed on, in nanoseconds
	problem   error        // what made the configuration unusable; every method returns it
}

var _ store.Store = (*Store)(nil)

// defaultAttempts is more than the SDK's 3: a burst of 503 while a prefix is split lasts some seconds.
const defaultAttempts = 8

// New makes a Store of the bucket. It sends nothing; a configuration that cannot work shows at the first request.
func New(cfg aws.Config, bucket string, o Options) *Store {
	s := &Store{bucket: bucket, partSize: o.PartSize, single: o.PartSize}
	if o.PartSize == 0 {
		s.partSize, s.single = 16<<20, 64<<20
	}
	s.cache, _ = cfg.Credentials.(*aws.CredentialsCache)
	attempts := o.MaxAttempts
	if attempts == 0 {
		attempts = cfg.RetryMaxAttempts
	}
	s.retryer = newRetryer(attempts)
	s.wire = transport(cfg.HTTPClient)
	s.client = awss3.NewFromConfig(cfg, func(c *awss3.Options) {
		c.Retryer = s.retryer
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

// configure takes from the SDK's client what its own requests would use.
func (s *Store) configure() {
	o := s.client.Options()
	if o.Credentials != nil && !aws.IsCredentialsProvider(o.Credentials, (*aws.AnonymousCredentials)(nil)) {
		s.creds = o.Credentials
	}
	if o.Region == "" {
		if o.BaseEndpoint == nil {
			s.problem = &Error{Op: "opening", URL: s.URL(""), Kind: store.ErrRegion, Message: "no region is configured; set AWS_REGION"}
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
		s.problem = &Error{Op: "opening", URL: s.URL(""), Kind: store.ErrNoBucket, Message: "no endpoint for it", Err: err}
		return
	}
	s.base = &ep.URI
	s.basePath = strings.TrimSuffix(ep.URI.EscapedPath(), "/")
	s.signer.region = o.Region
	if schemes, ok := smithyauth.GetAuthOptions(&ep.Properties); ok {
		for _, scheme := range schemes {
			if r, ok := smithyhttp.GetSigV4SigningRegion(&scheme.SignerProperties); ok && r != "" {
				s.signer.region = r
			}
		}
	}
	if t, ok := s.wire.(*http.Transport); ok && s.base.Scheme == "https" {
		t.ReadBufferSize = 0 // net/http's 4 KiB: crypto/tls holds a record in any case, and gives no more than one at once
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

func newRetryer(attempts int) aws.RetryerV2 {
	if attempts == 0 {
		attempts = defaultAttempts
	}
	return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
			o.MaxAttempts = attempts
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(retryable)}, o.Retryables...)
			// The adaptive mode slows all requests down when the store asks for it; the standard mode's quota of
			// retries would besides make files fail while others succeed.
			o.RateLimiter = ratelimit.None
		})
	})
}

// transport is the SDK's own, with its proxy and CA settings, made fit for many requests to one host.
func transport(c aws.HTTPClient) http.RoundTripper {
	var t *http.Transport
	switch c := c.(type) {
	case nil:
		t = awshttp.NewBuildableClient().GetTransport()
	case *awshttp.BuildableClient:
		t = c.GetTransport()
	default:
		return clientTransport{c}
	}
	t.ForceAttemptHTTP2 = false // S3 speaks HTTP/1.1, where each request has a connection of its own
	t.TLSClientConfig = t.TLSClientConfig.Clone()
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	t.DisableCompression = true // an object with Content-Encoding is to arrive as it is
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 1024
	t.IdleConnTimeout = 60 * time.Second
	t.ReadBufferSize = 32 << 10  // a small object with its headers comes in one read
	t.WriteBufferSize = 32 << 10 // and leaves in one write
	t.DialContext = dialer((&net.Dialer{Timeout: 20 * time.Second, KeepAlive: 30 * time.Second}).DialContext)
	t.DialTLSContext = tlsDialer(t.DialContext, t.TLSClientConfig, t.TLSHandshakeTimeout)
	return t
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
