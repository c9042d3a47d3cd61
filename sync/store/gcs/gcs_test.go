package gcs_test

import (
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/gcs"
	"github.com/genepattern/ferry/sync/store/storetest"
)

func open(t *testing.T, bucket string, o gcs.Options) *gcs.Store {
	t.Helper()
	s, err := gcs.New(bucket, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// partSize is above what is sent by one request here.
const partSize = 1 << 20

func TestConformance(t *testing.T) {
	storetest.Suite{
		Kind:     gcs.Kind,
		PartSize: partSize,
		New: func(t *testing.T) store.Store {
			b := testenv.GCS(t)
			return open(t, b.Bucket, gcs.Options{Emulator: b.Endpoint, Single: partSize})
		},
		Denying: func(t *testing.T) (store.Store, func(string)) {
			b := testenv.GCS(t)
			p := testenv.Proxy(t, b.Endpoint)
			return open(t, b.Bucket, gcs.Options{Emulator: b.Via(p).Endpoint}), func(key string) {
				p.Add(testenv.Rule{Match: func(r testenv.Request) bool { return r.Key == key }, Fault: testenv.Fault{Status: 403}})
			}
		},
	}.Run(t)
}
