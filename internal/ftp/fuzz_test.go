package ftp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
)

// spoken is a connection to a server that says what it says whatever it is asked.
type spoken struct {
	net.Conn
	r io.Reader
}

func (s *spoken) Read(p []byte) (int, error)  { return s.r.Read(p) }
func (s *spoken) Write(p []byte) (int, error) { return len(p), nil }
func (s *spoken) Close() error                { return nil }
func (s *spoken) RemoteAddr() net.Addr        { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 21} }

// FuzzGet holds that whatever a server answers, data comes from its own address only, what is kept is what came, and a session ends.
func FuzzGet(f *testing.F) {
	f.Add("220-Welcome\r\n220 ready\r\n331 password?\r\n230 fine\r\n200 binary\r\n213 5\r\n229 here (|||2000|)\r\n150 coming\r\n226 done\r\n", "hello")
	f.Add("220 ready\r\n230 in\r\n200 binary\r\n550 no\r\n502 no\r\n227 here (169,254,169,254,0,22)\r\n", "")
	f.Add("220 ready\r\n230 in\r\n200 binary\r\n213 -9223372036854775808\r\n227 1,2,3,4,999,999\r\n150 x\r\n426 cut\r\n", "x")
	f.Fuzz(func(t *testing.T, answers, data string) {
		dials := 0
		dial := func(_ context.Context, _, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Errorf("asks for %q", address)
			}
			if dials++; dials == 1 {
				return &spoken{r: bytes.NewReader([]byte(answers))}, nil
			}
			if host != "192.0.2.1" || len(port) < 4 {
				t.Errorf("data comes from %q", address)
			}
			return &spoken{r: bytes.NewReader([]byte(data))}, nil
		}
		u := &url.URL{Scheme: "ftp", Host: "example.org", Path: "/pub/f"}
		var kept []byte
		var read error
		err := Get(t.Context(), dial, u, func(r io.Reader) error {
			kept, read = io.ReadAll(r)
			return read
		})
		if dials > 2 {
			t.Errorf("%d connections", dials)
		}
		if err == nil && string(kept) != data {
			t.Errorf("kept %q of %q", kept, data)
		}
		if read != nil && !errors.Is(err, read) {
			t.Errorf("%v became %v", read, err)
		}
	})
}
