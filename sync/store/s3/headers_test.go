package s3_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// kindAt is the kind of store with a server's configuration, and the keys that the AWS CLI would read.
func kindAt(t *testing.T, srv *testenv.Server, keys awsconfig.S3) store.Kind {
	c := config(t, srv)
	return s3.NewKind(func(context.Context, awsconfig.Choice) (aws.Config, awsconfig.S3, error) { return c, keys, nil })
}

// opened is a bucket's store with settings as a command line gives them.
func opened(t *testing.T, srv *testenv.Server, keys awsconfig.S3, settings store.Settings) store.Store {
	t.Helper()
	st, err := kindAt(t, srv, keys).Open(t.Context(), store.Opening{Location: store.Location{Scheme: "s3", Bucket: srv.Bucket}, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

const key32 = "0123456789abcdef0123456789abcdef"

// What the command line asks for is in each request that must bring it, signed where S3 wants that, and in no other.
func TestHeadersOfRequests(t *testing.T) {
	srv := testenv.S3(t)
	p := testenv.Proxy(t, srv.Endpoint)
	st := opened(t, p.Via(srv), awsconfig.S3{}, store.Settings{
		"s3-part-size": "5m", "request-payer": "requester", "storage-class": "STANDARD_IA", "content-type": "text/x-mine", "cache-control": "no-cache",
		"content-disposition": "inline", "content-language": "de", "content-encoding": "mine", "expires": "2030-01-31T12:00:00Z",
		"metadata": "one=1,two=b c", "sse": "aws:kms", "sse-kms-key-id": "k1", "acl": "bucket-owner-full-control",
		"sse-c": "AES256", "sse-c-key": key32, "website-redirect": "/x",
	})
	put := func(key string, n int64) {
		t.Helper() // what this server refuses was sent all the same
		_, _ = st.Put(t.Context(), key, store.Body{Bytes: storetest.Bytes(n)}, store.PutOptions{ContentType: "text/plain", Meta: store.Meta{"two": "mine", "three": "3"}})
	}
	put("small", 10)
	put("large", 11<<20)
	_, _ = st.Open(t.Context(), "small", store.OpenOptions{})
	storetest.List(t, st, "")
	_ = st.Delete(t.Context(), []string{"x"})

	const payer, kms, class, owner, customer = "X-Amz-Request-Payer", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "X-Amz-Storage-Class", "X-Amz-Acl", "X-Amz-Server-Side-Encryption-Customer-Key"
	object := map[string]string{
		kms: "k1", class: "STANDARD_IA", owner: "bucket-owner-full-control", "X-Amz-Server-Side-Encryption": "aws:kms", "Content-Type": "text/x-mine",
		"Cache-Control": "no-cache", "Content-Disposition": "inline", "Content-Language": "de", "Content-Encoding": "mine",
		"Expires": "Thu, 31 Jan 2030 12:00:00 GMT", "X-Amz-Meta-One": "1", "X-Amz-Meta-Two": "b c", "X-Amz-Meta-Three": "3", "X-Amz-Website-Redirect-Location": "/x",
	}
	seen := map[string]bool{}
	for _, r := range p.Requests() {
		seen[r.Kind] = true
		made := r.Kind == "PutObject" || r.Kind == "CreateMultipartUpload"
		content := made || r.Kind == "GetObject" || r.Kind == "UploadPart" || r.Kind == "CompleteMultipartUpload"
		if r.Header.Get(payer) != "requester" {
			t.Errorf("%s says nothing of who pays", r.Kind)
		}
		if got := r.Header.Get(customer); (got == "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=") != content {
			t.Errorf("%s: customer's key %q", r.Kind, got)
		}
		for name, want := range object {
			if got := r.Header.Get(name); made && got != want || !made && got == want {
				t.Errorf("%s: %s is %q, want %q: %v", r.Kind, name, got, want, made)
			}
		}
		for name := range r.Header {
			if low := strings.ToLower(name); strings.HasPrefix(low, "x-amz-") && !strings.Contains(r.Header.Get("Authorization"), low) {
				t.Errorf("%s: %s is not signed", r.Kind, name)
			}
		}
	}
	for _, kind := range []string{"PutObject", "CreateMultipartUpload", "GetObject", "ListObjectsV2", "DeleteObjects"} {
		if !seen[kind] {
			t.Errorf("no request was %s; seen %v", kind, seen)
		}
	}
}

// Checksums that are asked for are kept by the server, also one that is no AWS.
func TestChecksumAlgorithm(t *testing.T) {
	srv := testenv.S3(t)
	for _, algorithm := range []string{"CRC64NVME", "CRC32", "CRC32C", "SHA1", "SHA256"} {
		p := testenv.Proxy(t, srv.Endpoint)
		st := opened(t, p.Via(srv), awsconfig.S3{}, store.Settings{"checksum-algorithm": algorithm, "s3-part-size": "5m"})
		for key, n := range map[string]int64{"small": 1000, "large": 11 << 20} {
			body := storetest.Bytes(n)
			if _, err := st.Put(t.Context(), key, store.Body{Bytes: body}, store.PutOptions{}); err != nil {
				t.Errorf("%s: %v", algorithm, err)
				continue
			}
			r, err := st.Open(t.Context(), key, store.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			// SHA of parts is no checksum of the whole.
			if want := key == "small" || !strings.HasPrefix(algorithm, "SHA"); want && string(r.Sum.Algorithm) != strings.ToLower(algorithm) {
				t.Errorf("%s %s: kept %q", algorithm, key, r.Sum.Algorithm)
			}
		}
	}
}

// Wrong values are told by name before anything is sent.
func TestWrongOptions(t *testing.T) {
	kind := kindAt(t, testenv.S3(t), awsconfig.S3{})
	for text, settings := range map[string]store.Settings{
		`"XYZ" is none of`:                        {"storage-class": "XYZ"},
		"printable ASCII":                         {"cache-control": "a\nb"},
		"not of the form PERMISSION=GRANTEE":      {"grants": "read"},
		"none of read, readacl, writeacl, full":   {"grants": "own=id=1"},
		"the key has 3 bytes, and 32 are wanted":  {"sse-c": "AES256", "sse-c-key": "abc"},
		"--sse-c and --sse-c-key go together":     {"sse-c": "AES256"},
		"--sse-c-copy-source and --sse-c-copy-so": {"sse-c-copy-source-key": key32},
		"ferry cannot make XXHASH64":              {"checksum-algorithm": "XXHASH64"},
		"is no time such as":                      {"expires": "soon"},
		"is no name of metadata":                  {"metadata": "a b=c"},
		"not of the form KEY=VALUE":               {"metadata": "a"},
		"from 1 to 1000":                          {"page-size": "1001"},
		"no number of seconds":                    {"cli-read-timeout": "-1"},
		"is no URL such as":                       {"endpoint-url": "localhost:9000"},
	} {
		_, err := kind.Open(t.Context(), store.Opening{Location: store.Location{Bucket: "b"}, Settings: settings})
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v; want %q", settings, err, text)
		}
		if err != nil && strings.Contains(err.Error(), key32) {
			t.Errorf("the key is in %v", err)
		}
	}
	for v, want := range map[string]http.Header{
		"read=uri=http://x\nfull=id=1,id=2": {"X-Amz-Grant-Read": {"uri=http://x"}, "X-Amz-Grant-Full-Control": {"id=1,id=2"}},
	} {
		srv := testenv.S3(t)
		p := testenv.Proxy(t, srv.Endpoint)
		_, _ = opened(t, p.Via(srv), awsconfig.S3{}, store.Settings{"grants": v}).Put(t.Context(), "k", store.Body{}, store.PutOptions{})
		for name := range want {
			if got := p.Requests()[0].Header.Get(name); got != want.Get(name) {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

// The whole suite of a store, with each request signed by the SDK as for a directory bucket.
func TestConformanceSDKSigns(t *testing.T) {
	storetest.Suite{
		Kind: s3.Kind,
		New: func(t *testing.T) store.Store {
			srv := testenv.S3(t)
			return s3.SDKSigns(s3.New(config(t, srv), srv.Bucket, s3.Options{PartSize: partSize}))
		},
		PartSize: partSize,
	}.Run(t)
}

// What a copy keeps of its source is said in its headers, in one request and in parts.
func TestCopyProps(t *testing.T) {
	for props, want := range map[string][2]string{"": {"", ""}, "default": {"", ""}, "metadata-directive": {"", "REPLACE"}, "none": {"REPLACE", "REPLACE"}} {
		srv := testenv.S3(t)
		p := testenv.Proxy(t, srv.Endpoint)
		settings := store.Settings{}
		if props != "" {
			settings["copy-props"] = props
		}
		st := opened(t, p.Via(srv), awsconfig.S3{}, settings)
		if _, err := st.Put(t.Context(), "a", store.Body{Bytes: []byte("x")}, store.PutOptions{Meta: store.Meta{"k": "v"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := st.(store.Copier).CopyFrom(t.Context(), st, store.Object{Key: "a", Size: 1}, "b", store.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
		rs := p.Requests()
		h := rs[len(rs)-1].Header
		if got := [2]string{h.Get("X-Amz-Metadata-Directive"), h.Get("X-Amz-Tagging-Directive")}; got != want {
			t.Errorf("%q: %q", props, got)
		}
		if got := srv.Head(t, "b").Get("X-Amz-Meta-K"); (got == "v") != (want[0] == "") {
			t.Errorf("%q: metadata %q", props, got)
		}
	}
}
