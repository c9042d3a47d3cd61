package s3

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// What the configuration file says of S3 decides where requests go, how they are signed, and what is sent in parts.
func TestConfigurationKeys(t *testing.T) {
	const own = "http://127.0.0.1:9000"
	for name, c := range map[string]struct {
		keys     awsconfig.S3
		endpoint string
		want     string
	}{
		"nothing":                     {awsconfig.S3{}, "", "https://bucket.s3.eu-west-1.amazonaws.com/k"},
		"accelerate":                  {awsconfig.S3{UseAccelerateEndpoint: true}, "", "https://bucket.s3-accelerate.amazonaws.com/k"},
		"dualstack":                   {awsconfig.S3{UseDualstackEndpoint: true}, "", "https://bucket.s3.dualstack.eu-west-1.amazonaws.com/k"},
		"both":                        {awsconfig.S3{UseDualstackEndpoint: true, UseAccelerateEndpoint: true}, "", "https://bucket.s3-accelerate.dualstack.amazonaws.com/k"},
		"path":                        {awsconfig.S3{AddressingStyle: "path"}, "", "https://s3.eu-west-1.amazonaws.com/bucket/k"},
		"auto":                        {awsconfig.S3{AddressingStyle: "auto"}, own, own + "/bucket/k"},
		"virtual, with an own server": {awsconfig.S3{AddressingStyle: "virtual"}, "http://minio:9000", "http://bucket.minio:9000/k"},
	} {
		s := New(aws.Config{Region: "eu-west-1"}, "bucket", Options{Keys: c.keys, Endpoint: c.endpoint})
		if s.problem != nil {
			t.Errorf("%s: %v", name, s.problem)
			continue
		}
		if got := s.places.here().address("k", "").String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	s := New(aws.Config{Region: "eu-west-1"}, "bucket", Options{Keys: awsconfig.S3{PayloadSigningEnabled: true, MaxConcurrentRequests: 3, MultipartThreshold: 20 << 20, MultipartChunksize: 1 << 20}})
	if s.unsigned || s.upload != checksum.CRC32 {
		t.Error("payloads are not signed")
	}
	if s.MaxRequests() != 3 || s.parts != (partSizes{size: leastPart, single: 20 << 20}) {
		t.Errorf("%d requests, parts %+v", s.MaxRequests(), s.parts)
	}
	if s := New(aws.Config{Region: "eu-west-1"}, "bucket", Options{PartSize: 7 << 20, Keys: awsconfig.S3{MultipartThreshold: 20 << 20}}); s.parts.size != 7<<20 || s.parts.single != 7<<20 {
		t.Errorf("an option does not win: %+v", s.parts)
	}
}
