package testenv

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
)

// A Server is a bucket of the lab's S3 server, made for one test alone. It needs path-style addressing. Because objects are
// files there, it cannot hold both a key "a" and a key "a/b".
type Server struct{ lab.Server }

// Setenv sets Env in this process until the test ends; the test cannot be parallel.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	CleanAWS(t)
	for _, kv := range s.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}

// The servers that the test binary's tests share. They end with the test binary.
var (
	plainS3 = sync.OnceValues(func() (*lab.S3, error) { return lab.StartS3(lab.S3Options{}) })
	tlsS3   = sync.OnceValues(func() (*lab.S3, error) { return lab.StartS3(lab.S3Options{TLS: true}) })
	buckets atomic.Int64
)

// S3 is a new bucket of the S3 server that the test binary's tests share.
func S3(t testing.TB) *Server {
	t.Helper()
	return newBucket(t, plainS3)
}

// S3TLS is the same over TLS, with a certificate that only CAFile vouches for.
func S3TLS(t testing.TB) *Server {
	t.Helper()
	return newBucket(t, tlsS3)
}

func newBucket(t testing.TB, start func() (*lab.S3, error)) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(fmt.Sprintf("ferry-test-%d", buckets.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return &Server{*b}
}
