package wire

import (
	"context"
	"net"
	"time"
)

// stall is how long a connection may be silent while an answer is awaited. The request then counts as failed, and is sent again. S3
// sends a first byte within a minute even when it completes a large upload. A server that joins the parts on a slow disk takes
// longer. A caller that bounds a request by a time gives it more than this.
const stall = 5 * time.Minute

// dialer makes connections that fail when the other side falls silent for so long; never, where that is negative. TCP alone notices
// that only after hours.
func dialer(dial DialFunc, stall time.Duration) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if stall < 0 {
			return c, nil
		}
		return &stallConn{Conn: c, stall: stall}, nil
	}
}

// stallConn moves its deadlines forward as bytes flow. It does so at most once a second, because each costs a lock in the poller.
type stallConn struct {
	net.Conn
	stall       time.Duration
	read, write time.Time // when the deadline was last set
}

func (c *stallConn) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(c.read) > c.step() {
		c.read = now
		if err := c.SetReadDeadline(now.Add(c.stall)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(c.write) > c.step() {
		c.write = now
		if err := c.SetWriteDeadline(now.Add(c.stall)); err != nil {
			return 0, err
		}
		// The answer is awaited from now on.
		if err := c.SetReadDeadline(now.Add(c.stall)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// step is how often deadlines move.
func (c *stallConn) step() time.Duration { return min(time.Second, c.stall/4) }
