package wrapper_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/wrapper"
)

// countingStore counts the bytes that go to a log.
type countingStore struct {
	*dir.Store
	bytes *atomic.Int64
}

func (s countingStore) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if strings.HasSuffix(key, "/dockerout.log") {
		s.bytes.Add(b.Len())
	}
	return s.Store.Put(ctx, key, b, o)
}

// A log that grows while the module runs is not sent whole again and again: over the job, little more than the log itself goes up.
func TestGrowingLog(t *testing.T) {
	s := newRig(t)
	s.exec("line=$(head -c 1000 /dev/zero | tr '\\0' x)", "n=0; while [ $n -lt 16 ]; do i=0; while [ $i -lt 1000 ]; do echo $line; i=$((i+1)); done; sleep 1; n=$((n+1)); done")
	var sent atomic.Int64
	d := s.deps()
	d.Open = func(_ context.Context, url string) (store.Store, string, error) {
		st, err := dir.New(url)
		return countingStore{st, &sent}, "", err
	}
	begun := time.Now()
	out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t)), d)
	took := time.Since(begun)
	s.nothingLeft()
	size := int64(len(s.meta("dockerout.log")))
	if out.Code != 0 || size != 16*1000*1001 {
		t.Fatalf("%+v, the log has %d bytes", out, size)
	}
	if most := size + int64(took.Seconds()*(256<<10)); sent.Load() > most {
		t.Errorf("%d bytes went up for a log of %d, in %v", sent.Load(), size, took)
	}
}
