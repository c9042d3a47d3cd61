package s3

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"time"
)

// stall is how long a connection may be silent while something is awaited, before the request counts as failed and is
// sent again. S3 answers even the completion of a large upload with a first byte within a minute; a server that puts the
// parts together on a slow disk takes longer. Whoever bounds a request by a time gives it more than this.
const stall = 5 * time.Minute

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer makes connections that fail when the other side falls silent, which TCP alone notices only after hours.
func dialer(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &stallConn{Conn: c}, nil
	}
}

// stallConn moves its deadlines forward as bytes flow, at most once a second: setting one costs a lock in the poller.
type stallConn struct {
	net.Conn
	read, write time.Time // when the deadline was last set
}

func (c *stallConn) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(c.read) > time.Second {
		c.read = now
		if err := c.SetReadDeadline(now.Add(stall)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(c.write) > time.Second {
		c.write = now
		if err := c.SetWriteDeadline(now.Add(stall)); err != nil {
			return 0, err
		}
		// The answer is awaited from now on.
		if err := c.SetReadDeadline(now.Add(stall)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// tlsBuffer holds several TLS records, the longest of which are 16 KiB (RFC 8446, 5.1).
const tlsBuffer = 64 << 10

// tlsDialer makes TLS connections that are read in large pieces: crypto/tls alone asks the kernel for hardly more than a
// record at once, and some servers make them of 4 KiB. TLS through a proxy's tunnel is the transport's own.
func tlsDialer(dial dialFunc, config *tls.Config, handshake time.Duration) dialFunc {
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
