package wire

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/genepattern/ferry/sync/store"
)

// A Source is what the body of an upload is read from. A file that cannot be read, or became shorter, looks to HTTP like a connection
// that broke, and the request would be sent again. The Source therefore keeps the error and stops the request. It is safe for
// concurrent use.
type Source struct {
	at   io.ReaderAt
	stop context.CancelCauseFunc
	err  atomic.Pointer[store.BodyError]
}

// Watch makes a Source of at, and a context for the requests that read it. An error of reading ends that context, and so does Close.
func Watch(ctx context.Context, at io.ReaderAt) (context.Context, *Source) {
	s := &Source{at: at}
	ctx, s.stop = context.WithCancelCause(ctx)
	return ctx, s
}

// ReadAt implements io.ReaderAt. It is asked only for bytes within the body's size, so a short read means that the file became
// shorter.
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
