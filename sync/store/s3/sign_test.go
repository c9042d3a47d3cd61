package s3

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The signature is the one that the SDK's signer makes.
func TestSignAsTheSDK(t *testing.T) {
	now := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, token := range []string{"", "session-token"} {
		creds := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: token}
		for _, key := range []string{"a", "a b/c+d%20e=f&g", "\u00e9/\u65e5", "x//y", "(a)!*'~"} {
			s := newStoreForSigning(t)
			mine := &http.Request{Method: "PUT", URL: s.places.here().address(key, "continuation-token=a%2Fb&list-type=2&prefix=x%20y"), Header: http.Header{
				"X-Amz-Meta-File-Mtime": {"1ns"}, "X-Amz-Checksum-Crc32": {"AAAAAA=="}, "If-Match": {`"x"`}, "Content-Md5": {"abc"}, "X-Amz-Meta-Spaces": {" a   b "},
			}}
			theirs := mine.Clone(t.Context())
			theirs.Header.Del("If-Match") // the SDK signs this one, too; it need not be
			theirs.Host = theirs.URL.Host
			theirs.Header.Set("X-Amz-Content-Sha256", unsignedPayload)
			s.places.here().signer.sign(mine, creds, unsignedPayload, now)
			err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(t.Context(), creds, theirs, unsignedPayload, "s3", s.places.here().signer.region, now)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := mine.Header.Get("Authorization"), theirs.Header.Get("Authorization"); got != want {
				t.Errorf("%q, token %q:\n%s\n%s", key, token, got, want)
			}
		}
	}
}

func newStoreForSigning(t testing.TB) *Store {
	return New(aws.Config{Region: "eu-west-1"}, "bucket", Options{})
}

func TestEndpoints(t *testing.T) {
	for _, c := range []struct{ endpoint, bucket, want string }{
		{"", "bucket", "https://bucket.s3.eu-west-1.amazonaws.com/k%20k"},
		{"", "with.dots", "https://s3.eu-west-1.amazonaws.com/with.dots/k%20k"},
		{"http://127.0.0.1:9000", "bucket", "http://127.0.0.1:9000/bucket/k%20k"},
		{"http://minio:9000/", "bucket", "http://minio:9000/bucket/k%20k"},
		{"https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "bbb", "https://bbb.bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com/k%20k"},
	} {
		cfg := aws.Config{Region: "eu-west-1"}
		if c.endpoint != "" {
			cfg.BaseEndpoint = &c.endpoint
		}
		s := New(cfg, c.bucket, Options{})
		if s.problem != nil {
			t.Errorf("%+v: %v", c, s.problem)
			continue
		}
		if got := s.places.here().address("k k", "").String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		if custom := c.endpoint != ""; s.unsigned == custom {
			t.Errorf("%+v: unsigned payloads: %v", c, s.unsigned)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	s := newStoreForSigning(b)
	creds := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}
	b.ReportAllocs()
	for range b.N {
		r := &http.Request{Method: "GET", URL: s.places.here().address("dir/file", ""), Header: http.Header{"X-Amz-Checksum-Mode": checksumMode}}
		s.places.here().signer.sign(r, creds, emptyPayload, time.Now())
	}
}
