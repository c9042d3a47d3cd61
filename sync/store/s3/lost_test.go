package s3_test

import (
	"bytes"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// The answer to the request that completes an upload gets lost, and the upload is not there any more when it is sent again. Or the upload is
// gone before that.
func TestUploadGetsLost(t *testing.T) {
	srv := testenv.S3(t)
	p := testenv.Proxy(t, srv.Endpoint)
	st := s3.New(config(t, p.Via(srv)), srv.Bucket, s3.Options{PartSize: partSize, CopyLimit: partSize})
	data := storetest.Bytes(2*partSize + 100)
	source, err := st.Put(t.Context(), "source", store.Body{At: bytes.NewReader(data), Size: int64(len(data))}, store.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lose := testenv.Rule{Kind: "CompleteMultipartUpload", Times: 1, Fault: testenv.Fault{LoseAnswer: true}}
	// As MinIO says it; other servers know for a while what they completed.
	forgot := testenv.Rule{Kind: "CompleteMultipartUpload", Times: 1, Fault: testenv.Fault{Status: 404, Code: "NoSuchUpload"}}
	// As versitygw 1.8 answers for what it was killed over: it did nothing, and says that it did.
	dropped := testenv.Rule{Kind: "CompleteMultipartUpload", Times: 1, Fault: testenv.Fault{Reset: true}}
	lied := testenv.Rule{Kind: "CompleteMultipartUpload", Times: 1, Fault: testenv.Fault{Status: 200, Body: "<CompleteMultipartUploadResult><ETag>\"lie-3\"</ETag></CompleteMultipartUploadResult>"}}
	headless := testenv.Rule{Kind: "HeadObject", Times: 2, Fault: testenv.Fault{Reset: true}}
	part := testenv.Rule{Kind: "UploadPart", After: 1, Times: 1, Fault: testenv.Fault{Status: 404, Code: "NoSuchUpload"}}
	copied := part
	copied.Kind = "UploadPartCopy"
	for name, rules := range map[string][]testenv.Rule{
		"answer":                               {lose, forgot},
		"answer, and then the object's header": {lose, forgot, headless},
		"upload":                               {part, copied},
		"work of a killed server":              {dropped, lied},
	} {
		t.Run(name, func(t *testing.T) {
			for op, do := range map[string]func(key string) (store.Object, error){
				"put": func(key string) (store.Object, error) {
					return st.Put(t.Context(), key, store.Body{At: bytes.NewReader(data), Size: int64(len(data))}, store.PutOptions{Parallel: 2})
				},
				"copy": func(key string) (store.Object, error) {
					return st.CopyFrom(t.Context(), st, source, key, store.CopyOptions{Parallel: 2})
				},
			} {
				p.Clear()
				for _, r := range rules {
					p.Add(r)
				}
				key := op + " " + name
				if made, err := do(key); err != nil || made.ETag == "" {
					t.Errorf("%s: %+v, %v", op, made, err)
					continue
				}
				failed := 0
				for _, r := range p.Requests() {
					if r.Fault {
						failed++
					}
				}
				if failed == 0 {
					t.Errorf("%s: nothing was lost", op)
				}
				if _, got := storetest.Get(t, st, key, store.OpenOptions{}); !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes of %d", op, len(got), len(data))
				}
				for u, err := range st.Unfinished(t.Context(), "") {
					t.Errorf("%s: an upload stays: %+v, %v", op, u, err)
				}
			}
		})
	}
}
