package wire

import (
	"bytes"
	"io"

	"github.com/genepattern/ferry/sync/store"
)

// Bodies makes the body of each try of a request that sends b, and done, which is called once the request has succeeded. sent is told how many
// bytes were sent: of a body in memory at the end, of another one as they go; it may be nil. What is in memory goes as a type that net/http
// knows: only then do header and body leave in one system call, without a copy of the body made for each request.
func Bodies(b store.Body, sent func(n int64)) (open func() io.ReadCloser, done func()) {
	if b.At != nil {
		return func() io.ReadCloser { return Sending(b.Reader(), sent) }, func() {}
	}
	return func() io.ReadCloser { return io.NopCloser(bytes.NewReader(b.Bytes)) }, func() {
		if sent != nil {
			sent(b.Len())
		}
	}
}

// Sending makes a request's body of r. The body tells sent how many bytes are sent; sent may be nil. It hides r's WriteTo, which would
// bypass the count.
func Sending(r io.Reader, sent func(n int64)) io.ReadCloser { return &sending{r: r, sent: sent} }

type sending struct {
	r    io.Reader
	sent func(int64)
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.sent != nil && n > 0 {
		s.sent(int64(n))
	}
	return n, err
}

func (s *sending) Close() error { return nil }
