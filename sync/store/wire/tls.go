package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"time"
)

// tlsBuffer holds several TLS records, the longest of which are 16 KiB (RFC 8446, 5.1).
const tlsBuffer = 64 << 10

// tlsDialer makes TLS connections that are read in large pieces. crypto/tls alone asks the kernel for hardly more than a record at
// once, and some servers send records of 4 KiB. TLS through a proxy's tunnel does not use this dialer.
func tlsDialer(dial DialFunc, config *tls.Config, handshake time.Duration) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		config := config.Clone()
		if config.ServerName == "" {
			if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
				c.Close()
				return nil, err
			}
		}
		limited := ctx
		if handshake > 0 {
			var cancel context.CancelFunc
			limited, cancel = context.WithTimeout(ctx, handshake)
			defer cancel()
		}
		secure := tls.Client(readAhead{c, bufio.NewReaderSize(c, tlsBuffer)}, config)
		if err := secure.HandshakeContext(limited); err != nil {
			c.Close()
			if ctx.Err() == nil && limited.Err() != nil { // the request was not given up: it is worth another try
				err = fmt.Errorf("TLS handshake with %s: %w", addr, os.ErrDeadlineExceeded)
			}
			return nil, err
		}
		return secure, nil
	}
}

// readAhead reads through a buffer.
type readAhead struct {
	net.Conn
	r *bufio.Reader
}

func (c readAhead) Read(p []byte) (int, error) { return c.r.Read(p) }
