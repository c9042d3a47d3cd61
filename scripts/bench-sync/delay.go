package main

import (
	"io"
	"net"
	"time"
)

// delay is what the proxy adds to each answer: about a request to S3 from the same region.
const delay = 30 * time.Millisecond

// startDelay passes connections on to addr, and keeps what comes back for a while. It looks at nothing, so it costs
// little, and bounds no rate below 500 MB/s a connection.
func startDelay(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go relay(c, addr)
		}
	}()
	return l, nil
}

// A chunk is bytes that may go on at a time.
type chunk struct {
	b   []byte
	due time.Time
}

func relay(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	}()
	chunks := make(chan chunk, 256)
	go func() {
		defer close(chunks)
		for {
			b := make([]byte, 64<<10)
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
			continue
		}
		time.Sleep(time.Until(c.due))
		if _, err := client.Write(c.b); err != nil {
			broken = true
			server.Close()
		}
	}
}
