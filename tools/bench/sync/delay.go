package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"
)

// delay is what the proxy adds to each answer: about a request to S3 from the same region.
const delay = 30 * time.Millisecond

// A relayer is the proxy as a process of its own: what a child's peak memory is said to be begins with that of the
// process it was forked from, and the proxy's buffers would count as every tool's.
type relayer struct {
	cmd   *exec.Cmd
	stdin io.Closer
	addr  string
}

// startDelay starts a proxy before addr.
func startDelay(addr string) (*relayer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &relayer{cmd: exec.Command(self, "-relay", addr)}
	r.cmd.Stderr = os.Stderr
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscan(out, &r.addr); err != nil {
		r.stop()
		return nil, fmt.Errorf("the proxy does not start: %w", err)
	}
	return r, nil
}

func (r *relayer) stop() {
	_ = r.stdin.Close()
	_ = r.cmd.Wait()
}

// runRelay passes connections on to addr, and keeps what comes back for a while. It looks at nothing, so it costs
// little. It ends with its standard input.
func runRelay(addr string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go relay(c, addr)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// What is kept of a connection: 64 reads, which are 16 MiB in 30 ms, 500 MB/s, where its buffers are full.
const (
	chunkSize = 256 << 10
	inFlight  = 64
)

// A chunk is bytes that may go on at a time.
type chunk struct {
	b   []byte
	due time.Time
}

func relay(client net.Conn, addr string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	chunks := make(chan chunk, inFlight)
	used := make(chan []byte, inFlight+2) // no more are there: one is being read into, one written from
	go func() {
		defer close(chunks)
		for {
			var b []byte
			select {
			case b = <-used:
			default:
				b = make([]byte, chunkSize)
			}
			n, err := server.Read(b)
			if n > 0 {
				chunks <- chunk{b[:n], time.Now().Add(delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	broken := false
	for c := range chunks { // to its end, so that the reader is never stuck
		if broken {
			used <- c.b[:chunkSize]
			continue
		}
		time.Sleep(time.Until(c.due))
		if _, err := client.Write(c.b); err != nil {
			broken = true
			_ = server.Close()
		}
		used <- c.b[:chunkSize]
	}
}
