package testenv

import (
	"fmt"
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
