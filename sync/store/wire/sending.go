package wire

import "io"

// Sending is a request's body that tells sent, unless it is nil, of the bytes that leave. It hides the reader's WriteTo,
// whose use would count nothing.
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
