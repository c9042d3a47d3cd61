package wire

import "io"

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
