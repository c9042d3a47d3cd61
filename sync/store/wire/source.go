package wire

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/genepattern/ferry/sync/store"
)

// A Source is what the body of an upload is read from. To HTTP a file that cannot be read, or became shorter, looks like a
// connection that broke, which would be tried again; so the Source remembers, and stops the request it is read for. It is
// safe for concurrent use.
type Source struct {
	at   io.ReaderAt
	stop context.CancelCauseFunc
	err  atomic.Pointer[store.BodyError]
}

// Watch makes a Source of at, and the context of the requests that read it. Close ends that context.
func Watch(ctx context.Context, at io.ReaderAt) (context.Context, *Source) {
	s := &Source{at: at}
	ctx, s.stop = context.WithCancelCause(ctx)
	return ctx, s
}

// ReadAt is asked only for what lies within the body's size, so that whatever is missing is too little.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
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

// Err is the first error of reading, a *store.BodyError; nil where there was none.
func (s *Source) Err() error {
	if e := s.err.Load(); e != nil {
		return e
	}
	return nil
}

// Close releases the context.
func (s *Source) Close() { s.stop(nil) }
