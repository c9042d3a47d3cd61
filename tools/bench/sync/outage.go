package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// gone is how long the server of the row outage is gone, in the middle of a transfer.
const gone = 20 * time.Second

// outage measures ferry's transfer of the small files with a server that goes away in the middle: nothing may be missing, and what it takes
// longer than without is printed. The other tools are not measured here.
func outage(ctx context.Context, s settings, tools []peer) (err error) {
	src := filepath.Join(s.dir, "src")
	defer func() { _ = os.RemoveAll(src) }()
	files, _, err := makeData(src, "small", s.scale)
	if err != nil {
		return err
	}
	srv, err := startServer(s, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	g := &gate{server: strings.TrimPrefix(srv.target.endpoint, "http://"), conns: map[net.Conn]bool{}}
	if err := g.open("127.0.0.1:0"); err != nil {
		return err
	}
	defer g.shut()
	at := target{endpoint: "http://" + g.addr}
	fmt.Printf("\n## the server is gone for %v in the middle of %d files\n\n| | s without | s with | s longer |\n|---|---|---|---|\n", gone, files)
	remote, dst := "s3://"+bucket+"/data", filepath.Join(s.dir, "dst")
	for _, t := range tools {
		if t.name != "ferry" {
			continue
		}
		for range s.runs {
			for _, op := range []string{"up", "down"} {
				from, to, got := src, remote, filepath.Join(srv.bucket.Dir, "data")
				if op == "down" {
					from, to, got = remote, dst, dst
				}
				usual, err := g.measure(ctx, t, at, from, to, 0)
				if err != nil {
					return err
				}
				if err := os.RemoveAll(got); err != nil {
					return err
				}
				with, err := g.measure(ctx, t, at, from, to, g.passed.Load()/2)
				if err != nil {
					return err
				}
				if err := check(src, got); err != nil {
					return fmt.Errorf("lost in an outage: %w", err)
				}
				fmt.Printf("| %s | %.1f | %.1f | %.1f |\n", op, usual.wall.Seconds(), with.wall.Seconds(), (with.wall - usual.wall).Seconds())
			}
			if err := errors.Join(os.RemoveAll(dst), srv.clear()); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure measures a transfer, during which the server goes away once so many bytes have passed; 0 for never. It is an error if the transfer
// ended before the server was back.
func (g *gate) measure(ctx context.Context, t peer, at target, from, to string, after int64) (cost, error) {
	g.passed.Store(0)
	g.limit.Store(after)
	g.back = make(chan error, 1)
	c, err := measure(ctx, t.path, t.sync(at, from, to), at)
	if after == 0 || err != nil {
		return c, err
	}
	select {
	case err = <-g.back:
	default:
		err = fmt.Errorf("it ended after %v, before the server was back", c.wall)
	}
	return c, err
}

// count counts what passes, and shuts the gate for a while at the limit.
func (g *gate) count(n int64) {
	now, limit := g.passed.Add(n), g.limit.Load()
	if limit == 0 || now < limit || now-n >= limit {
		return
	}
	go func() {
		g.shut()
		time.Sleep(gone)
		g.back <- g.open(g.addr)
	}()
}

// counted is a connection whose bytes count.
type counted struct {
	io.Writer
	g *gate
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.g.count(int64(n))
	return n, err
}

// A gate passes connections on to a server, and can be shut: connections break then, and new ones are refused.
type gate struct {
	server, addr  string
	passed, limit atomic.Int64
	back          chan error

	mu     sync.Mutex
	listen net.Listener
	conns  map[net.Conn]bool
}

func (g *gate) open(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.listen, g.addr = l, l.Addr().String()
	g.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
	return nil
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.listen.Close()
	for c := range g.conns {
		_ = c.Close()
	}
	clear(g.conns)
}

func (g *gate) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", g.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	g.mu.Lock()
	g.conns[client] = true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.conns, client)
		g.mu.Unlock()
	}()
	go func() {
		_, _ = io.Copy(counted{server, g}, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(counted{client, g}, server)
}
