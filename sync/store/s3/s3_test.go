package s3_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// config is what config.LoadDefaultConfig would make of the server's environment.
func config(t testing.TB, s *testenv.Server) aws.Config {
	t.Helper()
	c := aws.Config{
		Region: s.Region, BaseEndpoint: &s.Endpoint,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, "")),
	}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		c.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
			tr.TLSClientConfig = &tls.Config{RootCAs: pool}
		})
	}
	return c
}

const partSize = 5 << 20

func TestConformance(t *testing.T) {
	storetest.Suite{
		Kind: s3.Kind,
		New: func(t *testing.T) store.Store {
			srv := testenv.S3(t)
			return s3.New(config(t, srv), srv.Bucket, s3.Options{PartSize: partSize})
		},
		PartSize: partSize,
		Denying: func(t *testing.T) (store.Store, func(string)) {
			srv := testenv.S3(t)
			p := testenv.Proxy(t, srv.Endpoint)
			deny := func(key string) {
				p.Add(testenv.Rule{Kind: "GetObject", Match: func(r testenv.Request) bool { return r.Key == key }, Fault: testenv.Fault{Status: 403}})
			}
			return s3.New(config(t, p.Via(srv)), srv.Bucket, s3.Options{PartSize: partSize}), deny
		},
	}.Run(t)
}

func TestConformanceTLS(t *testing.T) {
	storetest.Suite{
		Kind: s3.Kind,
		New: func(t *testing.T) store.Store {
			srv := testenv.S3TLS(t)
			return s3.New(config(t, srv), srv.Bucket, s3.Options{PartSize: partSize})
		},
		PartSize: partSize,
	}.Run(t)
}

// A tiring body can be read once and a half.
type tiring struct {
	*bytes.Reader
	read atomic.Int64
}

func (b *tiring) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.Reader.ReadAt(p, off)
	if b.read.Add(int64(n)) > b.Size()*3/2 {
		return 0, syscall.EIO
	}
	return n, err
}

// A file can fail after it was hashed for the signature, while it is on its way.
func TestBodyFailsOnItsWay(t *testing.T) {
	srv := testenv.S3(t)
	st := s3.New(config(t, srv), srv.Bucket, s3.Options{PartSize: partSize})
	for _, n := range []int64{4 << 20, 3 * partSize} {
		c := new(store.Counter)
		_, err := st.Put(store.WithCounter(t.Context(), c), "x", store.Body{At: &tiring{Reader: bytes.NewReader(storetest.Bytes(n))}, Size: n}, store.PutOptions{})
		var own *store.BodyError
		if !errors.As(err, &own) || !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrUnreachable) || c.Retries.Load() > 0 || c.Requests.Load() == 0 {
			t.Errorf("%d bytes: %v, %d requests, %d retries", n, err, c.Requests.Load(), c.Retries.Load())
		}
	}
	if got := storetest.List(t, st, ""); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}

// A buggyClient panics in what requests of a kind come through.
type buggyClient struct{ query string }

func (c buggyClient) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Has(c.query) {
		panic("bug in " + c.query)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// The goroutines of a listing and of the parts of an upload end nothing but what they are for.
func TestPanics(t *testing.T) {
	srv := testenv.S3(t)
	for _, query := range []string{"list-type", "partNumber"} {
		c := config(t, srv)
		c.HTTPClient = buggyClient{query}
		st := s3.New(c, srv.Bucket, s3.Options{PartSize: partSize})
		var err error
		if query == "list-type" {
			for _, err = range st.List(t.Context(), "") {
			}
		} else {
			_, err = st.Put(t.Context(), "x", store.Body{Bytes: storetest.Bytes(2 * partSize)}, store.PutOptions{Parallel: 2})
		}
		var bug *cause.PanicError
		if !errors.As(err, &bug) || bug.Value != "bug in "+query || errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", query, err)
		}
	}
}
