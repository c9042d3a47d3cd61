package testenv

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

type connKey struct{}

// A conn is a client's connection, with how many answers it brought.
type conn struct {
	net.Conn
	answers atomic.Int64
}

// serve lets the proxy listen at addr.
func (p *FaultProxy) serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: p, ErrorLog: quiet, // aborted connections are what the proxy is for
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, &conn{Conn: c})
		},
	}
	p.mu.Lock()
	p.server, p.URL = srv, "http://"+l.Addr().String()
	p.mu.Unlock()
	go func() { _ = srv.Serve(l) }() // ends by Close
	return nil
}

// Away makes the proxy a server that is gone: all connections break, and nobody listens any more.
func (p *FaultProxy) Away() {
	p.mu.Lock()
	srv := p.server
	p.mu.Unlock()
	_ = srv.Close() // its listener is closed, whatever else it says
}

// Back makes it listen again, at the same port.
func (p *FaultProxy) Back(t testing.TB) {
	t.Helper()
	if err := p.serve(p.URL[len("http://"):]); err != nil {
		t.Error(err)
	}
}

// HangUp makes the proxy close a connection right after its n-th answer, without saying so in it, as a server does whose time for
// idle connections is over.
func (p *FaultProxy) HangUp(n int) { p.hangUp.Store(int64(n)) }

// answered counts the answer that ends now.
func (p *FaultProxy) answered(ctx context.Context) {
	c, ok := ctx.Value(connKey{}).(*conn)
	n := p.hangUp.Load()
	if !ok || n == 0 || c.answers.Add(1) != n {
		return
	}
	time.AfterFunc(time.Millisecond, func() { _ = c.Close() }) // nobody reads it any more
}
