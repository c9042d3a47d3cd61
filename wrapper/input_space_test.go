package wrapper_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
)

// huge is a store whose object "in/huge" is larger than any disk. It gives a little of it.
type huge struct {
	store.Store
	read *atomic.Int64
}

type endless struct{ read *atomic.Int64 }

func (e endless) Read(p []byte) (int, error) {
	if e.read.Add(int64(len(p))) > 16<<20 {
		return 0, errors.New("the test gives no more")
	}
	return len(p), nil
}
func (endless) Close() error { return nil }

func (h huge) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	if key != "in/huge" {
		return h.Store.Open(ctx, key, o)
	}
	var body io.ReadCloser = endless{h.read}
	return &store.Reader{ReadCloser: body, Object: store.Object{Key: key, Size: 1 << 50, ETag: `"1"`}}, nil
}

// An input file that cannot fit is told before it fills the node's disk, as a directory's files are.
func TestInputFileLargerThanTheDisk(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	var read atomic.Int64
	d := s.deps()
	open := d.Open
	d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
		st, prefix, err := open(ctx, url)
		return huge{st, &read}, prefix, err
	}
	out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "input", "/in/huge"), d)
	s.nothingLeft()
	s.ended(out, 74, cause.Disk)
	if n := read.Load(); n > 0 {
		t.Errorf("%d bytes of it were fetched", n)
	}
}
