// Package readahead lets a writer run ahead of its reader. It is io.Pipe with room for some buffers, so that files are read
// while others are sent. Through an io.Pipe, each of the two waits while the other works.
package readahead

import (
	"io"
	"sync"
)

// The room between writer and reader. What is handed over at once is large enough that the two seldom wake each other;
// four of them are small against ferry's 64 MiB.
const (
	bufferSize = 256 << 10
	buffers    = 4
)

// Reader runs f in a goroutine of its own and gives what it writes. f's error comes after the last byte. After Close, which
// is safe to call at any time, f's writes fail with io.ErrClosedPipe, at the latest when the buffers are full; Close does not
// wait for it. Read is for one goroutine.
func Reader(f func(io.Writer) error) io.ReadCloser {
	p := &pipe{full: make(chan []byte, buffers), free: make(chan []byte, buffers), closed: make(chan struct{})}
	for range buffers {
		p.free <- nil // made when first needed: many streams are shorter
	}
	go func() {
		w := writer{p: p}
		err := f(&w)
		if e := w.flush(); err == nil {
			err = e
		}
		p.err = err
		close(p.full)
	}()
	return p
}

type pipe struct {
	full, free chan []byte
	closed     chan struct{}
	once       sync.Once
	err        error // of f; to be read when full is closed

	whole, rest []byte // the buffer that is being read, and what is left of it
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	select {
	case <-p.closed:
		return 0, io.ErrClosedPipe
	default:
	}
	for len(p.rest) == 0 {
		if p.whole != nil {
			p.free <- p.whole[:0]
			p.whole = nil
		}
		select {
		case <-p.closed:
			return 0, io.ErrClosedPipe
		case next, ok := <-p.full:
			if !ok {
				if p.err != nil {
					return 0, p.err
				}
				return 0, io.EOF
			}
			p.whole, p.rest = next, next
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// A writer fills buffers. Its methods are for one goroutine.
type writer struct {
	p   *pipe
	buf []byte // nil if it has none
}

// Write implements io.Writer.
func (w *writer) Write(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if w.buf == nil {
			select {
			case <-w.p.closed:
				return n, io.ErrClosedPipe
			case w.buf = <-w.p.free:
			}
			if w.buf == nil {
				w.buf = make([]byte, 0, bufferSize)
			}
		}
		m := copy(w.buf[len(w.buf):cap(w.buf)], b[n:])
		w.buf = w.buf[:len(w.buf)+m]
		n += m
		if len(w.buf) == cap(w.buf) {
			if err := w.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// flush hands over what there is.
func (w *writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	select {
	case <-w.p.closed:
		return io.ErrClosedPipe
	case w.p.full <- w.buf:
		w.buf = nil
		return nil
	}
}
