package storetest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/genepattern/ferry/sync/store"
)

// A shortBody ends after its bytes, by err.
type shortBody struct {
	io.ReaderAt
	err error
}

func (b shortBody) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.ReaderAt.ReadAt(p, off)
	if err == io.EOF && n < len(p) {
		err = b.err
	}
	return n, err
}

// bodies that cannot be read are their own fault: nothing is stored, nothing is tried again, and the store is not blamed.
func (s Suite) bodies(t *testing.T) {
	st := s.New(t)
	broken := errors.New("the disk is broken")
	sizes := []int64{1, 300_000, 3 << 20}
	if s.PartSize > 0 {
		sizes = append(sizes, 2*s.PartSize+12345)
	}
	for _, n := range sizes {
		for _, why := range []error{io.EOF, io.ErrUnexpectedEOF, broken} {
			c := new(store.Counter)
			body := store.Body{At: shortBody{bytes.NewReader(Bytes(n - n/3 - 1)), why}, Size: n}
			_, err := st.Put(store.WithCounter(t.Context(), c), "broken", body, store.PutOptions{Parallel: 2})
			var own *store.BodyError
			want := why
			if why == io.EOF {
				want = io.ErrUnexpectedEOF
			}
			if !errors.As(err, &own) || !errors.Is(err, want) || errors.Is(err, store.ErrUnreachable) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d bytes, %v: %v", n, why, err)
			}
			// Of an upload in parts the abort may be tried again, the connection it finds being broken.
			if parts := s.PartSize > 0 && n > s.PartSize; !parts && c.Retries.Load() > 0 {
				t.Errorf("%d bytes, %v: tried again %d times", n, why, c.Retries.Load())
			}
		}
	}
	if got := List(t, st, ""); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}
