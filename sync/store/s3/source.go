package s3

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/genepattern/ferry/sync/store"
)

// A source is what a body is read from. To HTTP and to the SDK a file that cannot be read, or became shorter, looks like a
// connection that broke, which they would try again; so the source remembers, and stops the request it is read for.
type source struct {
	at   io.ReaderAt
	stop context.CancelCauseFunc
	err  atomic.Pointer[store.BodyError]
}

// watch makes a source, and the context of what reads it.
func watch(ctx context.Context, at io.ReaderAt) (context.Context, *source) {
	s := &source{at: at}
	ctx, s.stop = context.WithCancelCause(ctx)
	return ctx, s
}

// ReadAt is asked only for what lies within the body's size, so that whatever is missing is too little.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.at.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == io.EOF || err == nil {
		err = io.ErrUnexpectedEOF
	}
	own := &store.BodyError{Err: err}
	s.err.CompareAndSwap(nil, own)
	s.stop(own)
	return n, own
}

// failed is the first error of reading; nil where there was none.
func (s *source) failed() error {
	if e := s.err.Load(); e != nil {
		return e
	}
	return nil
}
