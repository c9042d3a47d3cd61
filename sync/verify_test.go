package sync_test

import (
	"bytes"
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// Whatever sum a store keeps of an object, a flipped byte is noticed, read again, and the file that came is counted by how it was verified.
func TestVerified(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size int
		algo types.ChecksumAlgorithm // "" for none
		kind types.ChecksumType
		how  string
	}{
		"CRC32":               {300_000, types.ChecksumAlgorithmCrc32, "", "crc32"},
		"CRC64NVME":           {300_000, types.ChecksumAlgorithmCrc64nvme, "", "crc64nvme"},
		"SHA256":              {300_000, types.ChecksumAlgorithmSha256, "", "sha256"},
		"SHA1 of parts":       {12 << 20, types.ChecksumAlgorithmSha1, types.ChecksumTypeComposite, "sha1 of parts"},
		"CRC32 of parts":      {12 << 20, types.ChecksumAlgorithmCrc32, types.ChecksumTypeComposite, "crc32 of parts"},
		"a tag, small":        {10_000, "", "", "etag"},
		"a tag":               {300_000, "", "", "etag"},
		"a tag, with helpers": {4 << 20, "", "", "etag"},
		"none":                {12 << 20, "", types.ChecksumTypeComposite, "unverified"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := testenv.S3(t)
			client := awss3.New(awss3.Options{Region: srv.Region, BaseEndpoint: &srv.Endpoint, UsePathStyle: true, RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
				Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey, srv.SecretKey, "")})
			body := storetest.Bytes(int64(c.size))
			in := &awss3.PutObjectInput{Bucket: &srv.Bucket, Key: aws.String("p/x"), Body: bytes.NewReader(body), ChecksumAlgorithm: c.algo}
			var err error
			if c.kind == "" {
				_, err = client.PutObject(t.Context(), in)
			} else {
				up := manager.NewUploader(client, func(u *manager.Uploader) { u.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired })
				_, err = up.Upload(t.Context(), in)
			}
			if err != nil {
				t.Fatal(err)
			}
			p := testenv.Proxy(t, srv.Endpoint)
			if c.how != "unverified" {
				p.Add(testenv.Rule{Kind: "GetObject", Times: 1, Fault: testenv.Fault{Flip: 3, NoSums: c.algo == ""}})
			}
			p.Add(testenv.Rule{Fault: testenv.Fault{NoSums: c.algo == ""}})
			got, s, err := down(t, s3At(p.Via(srv)))
			if err != nil || !maps.Equal(s.Verified, map[string]int64{c.how: 1}) || s.Retries == 0 && c.how != "unverified" {
				t.Errorf("%+v, %v", s, err)
			}
			sameTree(t, got, map[string]string{"x": string(body)})
		})
	}
}

// A tag that looks like an MD5 and is none verifies nothing, and is no error.
func TestTagIsNoMD5(t *testing.T) {
	t.Parallel()
	p, st := faulty(t, map[string]string{"a": "alpha", "b": string(storetest.Bytes(300_000))})
	p.Add(testenv.Rule{Kind: "GetObject", Fault: testenv.Fault{Flip: 3, NoSums: true}}) // always the same other bytes
	_, s, err := down(t, st)
	if err != nil || s.Verified["unverified"] != 2 || s.Retries != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	var sum ferrysync.Stats
	sum.Add(s)
	sum.Add(s)
	if sum.Verified["unverified"] != 4 || s.Verified["unverified"] != 2 {
		t.Errorf("%v and %v", s.Verified, sum.Verified)
	}
}
