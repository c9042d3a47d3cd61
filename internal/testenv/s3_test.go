package testenv

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"
)

func TestS3Answers(t *testing.T) {
	a, b := S3(t), S3(t)
	if a.Endpoint != b.Endpoint {
		t.Errorf("two servers, at %s and %s", a.Endpoint, b.Endpoint)
	}
	if a.Bucket == b.Bucket {
		t.Errorf("two tests got the same bucket %q", a.Bucket)
	}
	if _, err := os.Stat(a.Dir); err != nil {
		t.Error(err)
	}
	resp, err := http.Get(a.Endpoint + "/" + a.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("an unsigned request got %s, want 403", resp.Status)
	}
}

func TestS3TLS(t *testing.T) {
	s := S3TLS(t)
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %q", s.CAFile)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := c.Get(s.Endpoint + "/" + s.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func TestCleanAWS(t *testing.T) {
	t.Setenv("AWS_PROFILE", "mine")
	t.Run("inside", func(t *testing.T) {
		CleanAWS(t)
		if v, ok := os.LookupEnv("AWS_PROFILE"); ok {
			t.Errorf("AWS_PROFILE is still set to %q", v)
		}
	})
	if v := os.Getenv("AWS_PROFILE"); v != "mine" {
		t.Errorf("AWS_PROFILE was not put back: %q", v)
	}
}
