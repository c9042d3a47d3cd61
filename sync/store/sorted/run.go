package sorted

import (
	"bufio"
	"encoding/binary"
	"io"
	"iter"
	"os"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// write appends a run to f, and says how many bytes it took.
func write(f *os.File, run []store.Object) (n int64, err error) {
	w := bufio.NewWriterSize(f, 256<<10)
	var b []byte
	for _, o := range run {
		b = appendText(appendText(b[:0], o.Key), o.ETag)
		b = binary.AppendVarint(b, o.Size)
		b = binary.AppendVarint(b, o.ModTime.Unix())
		b = binary.AppendUvarint(b, uint64(o.ModTime.Nanosecond()))
		archived := byte(0)
		if o.Archived {
			archived = 1
		}
		b = append(b, archived)
		if _, err := w.Write(b); err != nil {
			return n, err
		}
		n += int64(len(b))
	}
	return n, w.Flush()
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// read yields the run that lies between begin and end of f, through a buffer of so many bytes.
func read(f *os.File, begin, end int64, buffer int) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		r := &reader{Reader: bufio.NewReaderSize(io.NewSectionReader(f, begin, end-begin), buffer)}
		for {
			if _, err := r.Peek(1); err == io.EOF {
				return
			}
			o := store.Object{Key: r.text(), ETag: r.text(), Size: r.varint()}
			seconds := r.varint()
			o.ModTime = time.Unix(seconds, int64(r.uvarint())).UTC()
			o.Archived = r.one() == 1
			if r.err == io.EOF {
				r.err = io.ErrUnexpectedEOF
			}
			if !yield(o, r.err) || r.err != nil {
				return
			}
		}
	}
}

// A reader keeps its first error.
type reader struct {
	*bufio.Reader
	err error
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) uvarint() uint64 {
	n, err := binary.ReadUvarint(r)
	r.keep(err)
	return n
}

func (r *reader) varint() int64 {
	n, err := binary.ReadVarint(r)
	r.keep(err)
	return n
}

func (r *reader) one() byte {
	c, err := r.ReadByte()
	r.keep(err)
	return c
}

// maxText is longer than any key or tag that a store takes, in bytes.
const maxText = 64 << 10

func (r *reader) text() string {
	n := r.uvarint()
	if r.err != nil || n > maxText {
		r.keep(io.ErrUnexpectedEOF)
		return ""
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	r.keep(err)
	return string(b)
}
