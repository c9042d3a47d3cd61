package awsconfig

import (
	"strings"
	"testing"
)

const file = `
[default]
region = eu-west-1
s3 =
  max_concurrent_requests = 20
  max_queue_size = 10000
  multipart_threshold = 64MB
  multipart_chunksize=16MiB
  max_bandwidth = 50MB/s
  use_accelerate_endpoint = true
  addressing_style = path
output = json
[profile other]
# a comment
s3 =
    max_bandwidth = 80Mb/s
    use_dualstack_endpoint = True
    payload_signing_enabled = true
s3api =
    max_concurrent_requests = 3
[profile broken]
s3 =
  multipart_threshold = many
[sso-session default]
s3 =
  max_concurrent_requests = 7
`

func TestReadS3(t *testing.T) {
	for profile, want := range map[string]S3{
		"":        {MaxConcurrentRequests: 20, MultipartThreshold: 64 << 20, MultipartChunksize: 16 << 20, MaxBandwidth: 50 << 20, UseAccelerateEndpoint: true, AddressingStyle: "path"},
		"other":   {MaxBandwidth: 10 << 20, UseDualstackEndpoint: true, PayloadSigningEnabled: true},
		"nowhere": {},
	} {
		if got, err := ReadS3(strings.NewReader(file), profile); err != nil || got != want {
			t.Errorf("%q: %+v, %v", profile, got, err)
		}
	}
	if _, err := ReadS3(strings.NewReader(file), "broken"); err == nil || !strings.Contains(err.Error(), `"many" is no size`) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"max_concurrent_requests = 0", "max_bandwidth = fast", "max_bandwidth = 10MB", "addressing_style = odd", "multipart_chunksize = 99999999999TB"} {
		if _, err := ReadS3(strings.NewReader("[default]\ns3 =\n "+bad+"\n"), ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
