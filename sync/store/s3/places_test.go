package s3_test

import (
	"bytes"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A server that is in another region than the configuration says tells so; then requests go there, whichever was the first.
func TestFollowsRegion(t *testing.T) {
	for _, first := range []string{"put", "large", "list"} {
		srv := testenv.S3(t)
		p := testenv.Proxy(t, srv.Endpoint)
		c := config(t, p.Via(srv))
		c.Region = "eu-west-3"
		st := s3.New(c, srv.Bucket, s3.Options{PartSize: partSize})
		body := []byte("x")
		if first == "large" {
			body = storetest.Bytes(2*partSize + 1)
		}
		if first == "list" {
			if got := storetest.List(t, st, ""); len(got) != 0 {
				t.Errorf("%v", got)
			}
		}
		if _, err := st.Put(t.Context(), "k", store.Body{At: bytes.NewReader(body), Size: int64(len(body))}, store.PutOptions{}); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		n := len(p.Requests())
		r, err := st.Open(t.Context(), "k", store.OpenOptions{})
		if err != nil || r.Size != int64(len(body)) {
			t.Fatalf("%s: %v", first, err)
		}
		r.Close()
		if more := len(p.Requests()) - n; more != 1 {
			t.Errorf("%s: %d requests for one read", first, more)
		}
	}
}
