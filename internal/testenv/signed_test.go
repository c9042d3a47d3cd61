package testenv

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

func client(s *Server) *s3.Client {
	return s3.New(s3.Options{
		Region: s.Region, BaseEndpoint: aws.String(s.Endpoint), UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials:                credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
}

// Signed requests pass the proxy both ways, keys that need escaping included, and faults look to an S3 client as S3's
// own.
func TestProxySigned(t *testing.T) {
	s := S3(t)
	p := Proxy(t, s.Endpoint)
	c := client(p.Via(s))
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	for _, key := range []string{"plain", "dir/with space", "ä%2F+&=?#", "star*"} {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.Bucket, Key: &key, Body: bytes.NewReader(want)})
		if err != nil {
			t.Fatalf("putting %q: %v", key, err)
		}
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key, Range: aws.String("bytes=1-")})
		if err != nil {
			t.Fatalf("getting %q: %v", key, err)
		}
		got, err := io.ReadAll(out.Body)
		if _ = out.Body.Close(); err != nil || !bytes.Equal(got, want[1:]) {
			t.Errorf("got %d bytes of %q, %v", len(got), key, err)
		}
	}
	if puts, gets := p.Count("PutObject"), p.Count("GetObject"); puts != 4 || gets != 4 {
		t.Errorf("counted %d puts and %d gets", puts, gets)
	}

	p.Add(Rule{Kind: "ListObjectsV2", Fault: Fault{Status: 503}})
	_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &s.Bucket})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "SlowDown" {
		t.Errorf("a client sees %v", err)
	}
}
