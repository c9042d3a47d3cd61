package s3_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

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
		New: func(t *testing.T) store.Store {
			srv := testenv.S3(t)
			return s3.New(config(t, srv), srv.Bucket, s3.Options{PartSize: partSize})
		},
		PartSize: partSize,
	}.Run(t)
}

func TestConformanceTLS(t *testing.T) {
	storetest.Suite{
		New: func(t *testing.T) store.Store {
			srv := testenv.S3TLS(t)
			return s3.New(config(t, srv), srv.Bucket, s3.Options{PartSize: partSize})
		},
		PartSize: partSize,
	}.Run(t)
}
