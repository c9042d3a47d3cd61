package testenv

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
)

// sharedGCS is the emulator that the test binary's tests share. It ends with the test binary.
var (
	sharedGCS  = sync.OnceValues(func() (*lab.GCS, error) { return lab.StartGCS("") })
	gcsBuckets atomic.Int64
)

// describeGoogle describes a request to the JSON API of Google Cloud Storage in S3's words. One to its XML API reads like one of S3.
func describeGoogle(r *http.Request, q url.Values) (Request, bool) {
	rest, upload := strings.CutPrefix(r.URL.Path, "/upload")
	rest, ok := strings.CutPrefix(rest, "/storage/v1/b/")
	if !ok {
		return Request{}, false
	}
	bucket, rest, _ := strings.Cut(rest, "/o")
	key := strings.TrimPrefix(rest, "/")
	kind := map[string]string{http.MethodGet: "ListObjectsV2", http.MethodDelete: "DeleteObject", http.MethodPost: "CopyObject"}[r.Method]
	switch {
	case upload && r.Method == http.MethodPut:
		kind, key = "UploadPart", q.Get("name")
	case upload && q.Get("uploadType") == "resumable":
		kind, key = "CreateMultipartUpload", q.Get("name")
	case upload:
		kind, key = "PutObject", q.Get("name")
	}
	return Request{Method: r.Method, Kind: kind, Bucket: bucket, Key: key, Query: q, Header: r.Header.Clone(), Length: r.ContentLength}, true
}

// A GCSBucket is a bucket of the emulator of Google Cloud Storage, made for one test alone.
type GCSBucket struct{ Endpoint, Bucket string }

// Env is what a child process needs to use it, besides Environ.
func (b GCSBucket) Env() []string { return []string{"STORAGE_EMULATOR_HOST=" + b.Endpoint} }

// Via is the bucket as seen through the proxy.
func (b GCSBucket) Via(p *FaultProxy) GCSBucket { return GCSBucket{p.URL, b.Bucket} }

// GCS is a new bucket of the emulator that the test binary's tests share.
func GCS(t testing.TB) GCSBucket {
	t.Helper()
	g, err := sharedGCS()
	if err == nil {
		name := fmt.Sprintf("ferry-test-%d", gcsBuckets.Add(1))
		if err = g.Bucket(name); err == nil {
			return GCSBucket{g.Endpoint, name}
		}
	}
	t.Fatal(err)
	return GCSBucket{}
}
