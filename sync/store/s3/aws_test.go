package s3_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A recorder answers as S3 would, as far as uploads and deletions need it, and keeps what it was asked.
type recorder struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func (r *recorder) Do(rq *http.Request) (*http.Response, error) {
	var body []byte
	if rq.Body != nil {
		var err error
		if body, err = io.ReadAll(rq.Body); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	r.requests, r.bodies = append(r.requests, rq), append(r.bodies, string(body))
	r.mu.Unlock()
	w := httptest.NewRecorder()
	q := rq.URL.Query()
	switch {
	case q.Has("uploads"):
		fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
	case q.Has("partNumber"):
		w.Header().Set("ETag", `"part"`)
		if _, sum, ok := strings.Cut(string(body), "x-amz-checksum-crc32:"); ok { // the trailer
			w.Header().Set("X-Amz-Checksum-Crc32", strings.TrimSpace(sum))
		}
	case q.Has("uploadId"):
		fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"whole-2"</ETag></CompleteMultipartUploadResult>`)
	case q.Has("delete"):
		fmt.Fprint(w, `<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`)
	case rq.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("ETag", `"one"`)
	}
	return w.Result(), nil
}

func amazon() (*recorder, *s3.Store) {
	r := &recorder{}
	return r, s3.New(aws.Config{Region: "us-east-1", HTTPClient: r, Credentials: credentials.NewStaticCredentialsProvider("A", "S", "T")}, "bucket", s3.Options{PartSize: 5 << 20})
}

// To AWS itself payloads go unsigned over TLS, with a CRC that S3 verifies and keeps.
func TestUploadToAWS(t *testing.T) {
	r, st := amazon()
	b := []byte("content")
	if _, err := st.Put(t.Context(), "k", store.Body{Bytes: b}, store.PutOptions{Meta: store.Meta{"file-mtime": "1ns"}}); err != nil {
		t.Fatal(err)
	}
	rq := r.requests[0]
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)))
	if rq.URL.String() != "https://bucket.s3.us-east-1.amazonaws.com/k" || r.bodies[0] != string(b) {
		t.Errorf("%s: %q", rq.URL, r.bodies[0])
	}
	for k, want := range map[string]string{"X-Amz-Checksum-Crc32": sum, "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD", "X-Amz-Security-Token": "T", "X-Amz-Meta-File-Mtime": "1ns"} {
		if got := rq.Header.Get(k); got != want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
}

// A large object gets a checksum of the whole, so that a download in ranges can be verified.
func TestPartsToAWS(t *testing.T) {
	r, st := amazon()
	b := storetest.Bytes(11 << 20)
	c := new(store.Counter)
	o, err := st.Put(store.WithCounter(t.Context(), c), "k", store.Body{At: bytes.NewReader(b), Size: int64(len(b))}, store.PutOptions{Parallel: 2})
	if err != nil || o.ETag != `"whole-2"` || c.Requests.Load() != 5 || len(r.requests) != 5 {
		t.Fatalf("%+v, %v, %d requests", o, err, len(r.requests))
	}
	first, last := r.requests[0].Header, r.requests[4]
	if first.Get("X-Amz-Checksum-Algorithm") != "CRC32" || first.Get("X-Amz-Checksum-Type") != "FULL_OBJECT" {
		t.Errorf("begun with %v", first)
	}
	if last.Header.Get("X-Amz-Checksum-Type") != "FULL_OBJECT" || !strings.Contains(r.bodies[4], "<ChecksumCRC32>") {
		t.Errorf("ended with %v, %s", last.Header, r.bodies[4])
	}
	for _, p := range r.requests[1:4] {
		if p.Header.Get("X-Amz-Trailer") != "x-amz-checksum-crc32" {
			t.Errorf("part with %v", p.Header)
		}
	}
}

func TestDeleteSaysWhatStays(t *testing.T) {
	r, st := amazon()
	err := st.Delete(t.Context(), []string{"a<&", "b", "bell\a"})
	failed, ok := err.(*store.DeleteError)
	if !ok || len(failed.Keys) != 1 || failed.Keys["b"] == nil || !strings.Contains(err.Error(), "access denied") {
		t.Errorf("%v", err)
	}
	if len(r.requests) != 2 || r.requests[0].Method != http.MethodDelete || !strings.Contains(r.bodies[1], "<Key>a&lt;&amp;</Key>") {
		t.Errorf("%q", r.bodies)
	}
}
