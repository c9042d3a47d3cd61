package sync_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
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
			if c.kind != "" {
				body = inParts(t, srv, "p/x", c.algo, []int{5 << 20, 5 << 20, 2 << 20})
			} else if _, err := client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &srv.Bucket, Key: aws.String("p/x"), Body: bytes.NewReader(body), ChecksumAlgorithm: c.algo}); err != nil {
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

// Each checksum of S3's list verifies, whatever the server of the test knows of it, and a flipped byte is noticed. The values are those of
// "Hello world", of the XXHASH ones as AWS's own library has them in its tests.
func TestVerifiedByEachAlgorithm(t *testing.T) {
	t.Parallel()
	sums := map[types.ChecksumAlgorithm]string{
		types.ChecksumAlgorithmCrc32:     "8bd69e52",
		types.ChecksumAlgorithmCrc32c:    "72b51f78",
		types.ChecksumAlgorithmCrc64nvme: "38e259d03f312adb",
		types.ChecksumAlgorithmSha1:      "7b502c3a1f48c8609ae212cdfb639dee39673f5e",
		types.ChecksumAlgorithmSha256:    "64ec88ca00b268e5ba1a35678a1b5316d212f4f366b2477232534a8aeca37f3c",
		types.ChecksumAlgorithmSha512:    "b7f783baed8297f0db917462184ff4f08e69c2d5e5f79a942600f9725f58ce1f29c18139bf80b06c0fff2bdd34738452ecf40c488c22a7e3d80cdf6f9c1c0d47",
		types.ChecksumAlgorithmMd5:       "3e25960a79dbc69b674cd4ec67a72c62",
		types.ChecksumAlgorithmXxhash64:  "c500b0c912b376d8",
		types.ChecksumAlgorithmXxhash3:   "b6acb9d84a38ff74",
		types.ChecksumAlgorithmXxhash128: "7351f89812f97382b91d05b31e04dd7f",
	}
	for _, algo := range append(types.ChecksumAlgorithm("").Values(), "BLAKE9") {
		t.Run(string(algo), func(t *testing.T) {
			t.Parallel()
			srv := testenv.S3(t)
			if _, err := srv.Client().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &srv.Bucket, Key: aws.String("p/x"), Body: strings.NewReader("Hello world")}); err != nil {
				t.Fatal(err)
			}
			tag := srv.Head(t, "p/x").Get("Etag")
			sum, err := hex.DecodeString(sums[algo])
			if err != nil || len(sum) == 0 && algo != "BLAKE9" {
				t.Fatalf("no sum: %v", err)
			}
			how := strings.ToLower(string(algo))
			var first atomic.Bool
			front := inFront(t, srv, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/p/x") {
					return false
				}
				body := "Hello world"
				if first.CompareAndSwap(false, true) && len(sum) > 0 {
					body = "hello world"
				}
				w.Header().Set("ETag", tag)
				w.Header().Set("X-Amz-Checksum-"+string(algo), base64.StdEncoding.EncodeToString(sum))
				w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
				w.Header().Set("X-Amz-Server-Side-Encryption", "aws:kms") // so that the tag is no MD5
				_, _ = io.WriteString(w, body)
				return true
			})
			if len(sum) == 0 {
				how = "unverified (" + how + ")"
			}
			via := *srv
			via.Endpoint = front
			got, s, err := down(t, s3At(&via))
			if err != nil || !maps.Equal(s.Verified, map[string]int64{how: 1}) || (s.Retries == 0) != (len(sum) == 0) {
				t.Errorf("%+v, %v", s, err)
			}
			sameTree(t, got, map[string]string{"x": "Hello world"})
		})
	}
}

// Parts of unequal sizes verify: by the sizes that the store tells at once, or by those that it tells of each part. Where it tells none, the
// object counts as unverified, by name.
func TestUnequalParts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizes []int
		tells string // "all" at once, "each", or none
		how   string
	}{
		"told at once":            {[]int{5 << 20, 7 << 20, 6 << 20, 1000}, "all", "sha256 of parts"},
		"as many as equal ones":   {[]int{5 << 20, 6 << 20, 1 << 20}, "each", "sha256 of parts"},
		"fewer than equal ones":   {[]int{5 << 20, 9 << 20, 1 << 20}, "each", "sha256 of parts"},
		"equal, and nobody tells": {[]int{5 << 20, 5 << 20, 1000}, "", "unverified (sha256 of parts)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := testenv.S3(t)
			body := inParts(t, srv, "p/x", types.ChecksumAlgorithmSha256, c.sizes)
			var heads atomic.Int64
			p := testenv.Proxy(t, inFront(t, srv, func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.URL.Query().Has("attributes") && c.tells == "all":
					tellSizes(w, srv.Head(t, "p/x").Get("Etag"), c.sizes)
				case r.URL.Query().Has("partNumber") && r.Method == http.MethodHead && c.tells == "":
					w.WriteHeader(http.StatusNotImplemented)
				default:
					return false
				}
				return true
			}))
			p.Add(testenv.Rule{Kind: "HeadObject", Match: func(r testenv.Request) bool {
				if r.Query.Has("partNumber") {
					heads.Add(1)
				}
				return false
			}})
			if c.tells != "" {
				p.Add(testenv.Rule{Kind: "GetObject", Times: 1, Fault: testenv.Fault{Flip: 3}, Match: func(r testenv.Request) bool { return len(r.Query) == 0 || !r.Query.Has("attributes") }})
			}
			got, s, err := down(t, s3At(p.Via(srv)))
			if err != nil || !maps.Equal(s.Verified, map[string]int64{c.how: 1}) || (s.Retries == 0) != (c.tells == "") || (heads.Load() == 0) != (c.tells == "all") {
				t.Errorf("%+v, %v, %d HEADs of parts", s, err, heads.Load())
			}
			sameTree(t, got, map[string]string{"x": string(body)})
		})
	}
}

// inParts makes an object of parts of these sizes, of which the server keeps the sum of the sums; without an algorithm it keeps none.
func inParts(t *testing.T, srv *testenv.Server, key string, algo types.ChecksumAlgorithm, sizes []int) []byte {
	t.Helper()
	client := awss3.New(awss3.Options{Region: srv.Region, BaseEndpoint: &srv.Endpoint, UsePathStyle: true, RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey, srv.SecretKey, "")})
	begun, err := client.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &srv.Bucket, Key: &key, ChecksumAlgorithm: algo})
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	var parts []types.CompletedPart
	for i, n := range sizes {
		part := storetest.Bytes(int64(n + i))[i:]
		got, err := client.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: &srv.Bucket, Key: &key, UploadId: begun.UploadId, PartNumber: aws.Int32(int32(i + 1)),
			Body: bytes.NewReader(part), ChecksumAlgorithm: algo})
		if err != nil {
			t.Fatal(err)
		}
		body = append(body, part...)
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: got.ETag,
			ChecksumCRC32: got.ChecksumCRC32, ChecksumSHA1: got.ChecksumSHA1, ChecksumSHA256: got.ChecksumSHA256})
	}
	if _, err := client.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{Bucket: &srv.Bucket, Key: &key, UploadId: begun.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	return body
}

// tellSizes answers GetObjectAttributes as AWS does. The server that runs in tests tells no parts.
func tellSizes(w http.ResponseWriter, etag string, sizes []int) {
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><GetObjectAttributesResponse xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>%s</ETag><ObjectParts><PartsCount>%d</PartsCount>`,
		strings.Trim(etag, `"`), len(sizes))
	for i, n := range sizes {
		fmt.Fprintf(w, `<Part><PartNumber>%d</PartNumber><Size>%d</Size></Part>`, i+1, n)
	}
	_, _ = io.WriteString(w, `</ObjectParts></GetObjectAttributesResponse>`)
}

// inFront is an address before the server, where answer may answer instead.
func inFront(t *testing.T, srv *testenv.Server, answer func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	u, err := url.Parse(srv.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = u.Scheme, u.Host }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return front.URL
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
