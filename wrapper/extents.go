package wrapper

import (
	"bytes"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// extents read a file without its holes. A file system that does not know of holes has one extent.
type extents struct {
	f       *os.File
	size    int64 // of the file
	at, end int64 // the rest of an extent
}

func (e *extents) Read(p []byte) (int, error) {
	if e.at >= e.end {
		if err := e.next(); err != nil {
			return 0, err
		}
	}
	if rest := e.end - e.at; int64(len(p)) > rest {
		p = p[:rest]
	}
	n, err := e.f.ReadAt(p, e.at)
	e.at += int64(n)
	if n > 0 || len(p) == 0 {
		err = nil // of an end that was cut off meanwhile, the next call tells
	}
	return n, err
}

// next goes to the next extent. Logs are opened to append, so moving their offset disturbs no writer.
func (e *extents) next() error {
	if e.end >= e.size {
		return io.EOF
	}
	at, err := unix.Seek(int(e.f.Fd()), e.end, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return io.EOF // a hole to the end
	}
	if err != nil {
		e.at, e.end = e.end, e.size
		return nil
	}
	end, err := unix.Seek(int(e.f.Fd()), at, unix.SEEK_HOLE)
	if err != nil {
		end = e.size
	}
	e.at, e.end = at, min(end, e.size)
	if e.at >= e.end {
		return io.EOF
	}
	return nil
}

// withoutNULs leaves out the NULs of what it reads: a block that is a hole in part.
type withoutNULs struct{ r extents }

func (w *withoutNULs) Read(p []byte) (int, error) {
	for {
		n, err := w.r.Read(p)
		kept := copy(p, bytes.ReplaceAll(p[:n], []byte{0}, nil))
		if kept > 0 || err != nil || len(p) == 0 {
			return kept, err
		}
	}
}
