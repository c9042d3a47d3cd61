package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Store is a bucket. It is safe for concurrent use.
type Store struct {
	bucket   string
	options  Options
	wire     http.RoundTripper
	loop     *retry.Loop
	auth     *auth
	places   *places
	upload   checksum.Algorithm // of uploads, None where the endpoint is custom and nobody asked for one
	unsigned bool               // payloads are not hashed for the signature
	parts    partSizes
	noSizes  atomic.Bool // the store does not tell the sizes of parts
	problem  error       // what made the configuration unusable; every method returns it
}

// partSizes in bytes.
type partSizes struct {
	size   int64 // of a part of a multipart upload
	single int64 // of the largest object that is sent by one request
}

var _ store.Store = (*Store)(nil)

// New makes a Store of the bucket. It sends nothing to the bucket. A configuration that cannot work fails at the first request.
func New(cfg aws.Config, bucket string, o Options) *Store {
	s := &Store{bucket: bucket, options: o, parts: o.partSizes(), auth: new(auth)}
	s.auth.cache, _ = cfg.Credentials.(*aws.CredentialsCache)
	tries := o.MaxAttempts
	if tries == 0 {
		tries = cfg.RetryMaxAttempts
	}
	if tries == 0 {
		tries = retry.DefaultAttempts
	}
	sdk := newRetryer(tries)
	s.loop = retry.New(sdk.MaxAttempts(), &policy{sdk, s.auth}, pacer{sdk}).Probing(s.probe, o.Timeouts.Patience)
	s.places = &places{s: s, config: cfg, retry: sdk}
	s.wire = o.throttled(transport(cfg.HTTPClient, o.Timeouts))
	region := cfg.Region
	if region == "" && o.Home != nil && s.places.client(region).Options().BaseEndpoint == nil {
		region = o.Home()
	}
	if err := configure(s, region); err != nil {
		s.problem = err
	}
	return s
}

// configure takes from the SDK's client what the client's own requests would use.
func configure(s *Store, region string) error {
	p, err := s.places.in(region)
	if err != nil {
		return err
	}
	s.places.at.Store(p)
	o := p.client.Options()
	if o.Credentials != nil && !aws.IsCredentialsProvider(o.Credentials, (*aws.AnonymousCredentials)(nil)) {
		s.auth.creds = o.Credentials
	}
	if p.base.Scheme == "https" {
		wire.OverTLS(s.wire)
	}
	// Over TLS to AWS itself the bytes are covered by TLS and by a CRC that S3 checks and keeps, and need no SHA-256 in
	// the signature. A server of another kind may not know these checksums, but every one checks the signature.
	if o.BaseEndpoint == nil && p.base.Scheme == "https" {
		s.upload, s.unsigned = checksum.CRC32, !s.options.Keys.PayloadSigningEnabled
	}
	if s.options.Algorithm != checksum.None {
		s.upload = s.options.Algorithm
	}
	return nil
}

// URL of a key.
func (s *Store) URL(key string) string {
	if key == "" {
		return "s3://" + s.bucket
	}
	return "s3://" + s.bucket + "/" + key
}

// transport is the SDK's own, with its proxy and CA settings, made fit for many requests to one host.
func transport(c aws.HTTPClient, limits wire.Timeouts) http.RoundTripper {
	switch c := c.(type) {
	case nil:
		return wire.TuneFor(awshttp.NewBuildableClient().GetTransport(), limits)
	case *awshttp.BuildableClient:
		return wire.TuneFor(c.GetTransport(), limits)
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
