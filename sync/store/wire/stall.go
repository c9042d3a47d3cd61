package wire

import (
	"context"
	"net"
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
