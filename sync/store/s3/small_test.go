package s3_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
)

// A prompt client answers at once, so that a benchmark measures what this package does.
type prompt struct{ content []byte }

func (p prompt) Do(rq *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"x"`}, "Last-Modified": {"Sat, 03 Feb 2024 04:05:06 GMT"}}, Body: http.NoBody}
	if rq.Method == http.MethodGet {
		resp.ContentLength, resp.Body = int64(len(p.content)), io.NopCloser(bytes.NewReader(p.content))
		return resp, nil
	}
	_, err := io.Copy(io.Discard, rq.Body)
	return resp, err
}

func small() (*s3.Store, []byte) {
	b := make([]byte, 16<<10)
	return s3.New(aws.Config{Region: "us-east-1", HTTPClient: prompt{b}, Credentials: credentials.NewStaticCredentialsProvider("A", "S", "")}, "bucket", s3.Options{}), b
}

func BenchmarkSmallPut(b *testing.B) {
	st, content := small()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := st.Put(b.Context(), "a/key", store.Body{Bytes: content}, store.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallOpen(b *testing.B) {
	st, content := small()
	b.ReportAllocs()
	for b.Loop() {
		r, err := st.Open(b.Context(), "a/key", store.OpenOptions{ETag: `"x"`})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(r, content); err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
