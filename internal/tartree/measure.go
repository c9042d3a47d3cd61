package tartree

import (
	"archive/tar"
	"io"
)

// Measure says how long the stream is that f writes, without reading any file.
func Measure(f func(*Writer) error) (int64, error) {
	var n counter
	w := NewWriter(&n)
	w.dry = true
	err := f(w)
	return int64(n), err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// blank writes as many bytes as the header promises.
func (w *Writer) blank(h *tar.Header) error {
	if err := w.tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.CopyBuffer(onlyWriter{w.tw}, io.LimitReader(zeros{}, h.Size), w.buf)
	return err
}

// zeros is endless.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
