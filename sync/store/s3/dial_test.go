package s3_test

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A server that accepts a connection and is silent is tried again, also for the parts of an upload; then it counts as
// unreachable, and not as a request that was given up.
func TestHandshakeTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	endpoint := "https://" + l.Addr().String()
	st := s3.New(aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 2,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		HTTPClient:  awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.TLSHandshakeTimeout = 50 * time.Millisecond }),
	}, "bucket", s3.Options{PartSize: partSize})
	for name, do := range map[string]func() error{
		"reading": func() error { _, err := st.Open(t.Context(), "x", store.OpenOptions{}); return err },
		"sending in parts": func() error {
			_, err := st.Put(t.Context(), "x", store.Body{Bytes: storetest.Bytes(2 * partSize)}, store.PutOptions{})
			return err
		},
	} {
		before := accepted.Load()
		err := do()
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		if n := accepted.Load() - before; n < 2 {
			t.Errorf("%s: %d connections, and so no second try", name, n)
		}
	}
}
