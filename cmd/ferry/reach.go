package main

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/wrapper"
)

// reachTime is how long an address may take to answer. Those that are asked about are on the node or beside it.
const reachTime = 2 * time.Second

// reachCommand prints those of its arguments, HOST:PORT, that take a connection. Ferry runs it by itself, in a container, to learn what
// a module would reach. A module may choose the interface that its request leaves by, and so another way than the system's own.
func reachCommand(w world) *cli.Command {
	return &cli.Command{Name: wrapper.ReachName, Hidden: true, Action: func(c *cli.Context) error {
		addresses := c.Args().Slice()
		open := make([]atomic.Bool, len(addresses))
		var wg sync.WaitGroup
		for i, a := range addresses {
			for _, way := range ways() {
				wg.Go(func() {
					if conn, err := way.Dial("tcp", a); err == nil {
						open[i].Store(true)
						_ = conn.Close()
					}
				})
			}
		}
		wg.Wait()
		for i, a := range addresses {
			if open[i].Load() {
				fmt.Fprintln(w.stdout, a)
			}
		}
		return nil
	}}
}

// ways are the system's own way, and one by each interface.
func ways() []net.Dialer {
	all := []net.Dialer{{Timeout: reachTime}}
	interfaces, err := net.Interfaces()
	if err != nil {
		return all
	}
	for _, i := range interfaces {
		all = append(all, net.Dialer{Timeout: reachTime, Control: func(_, _ string, c syscall.RawConn) (err error) {
			if e := c.Control(func(fd uintptr) {
				err = syscall.SetsockoptString(int(fd), syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, i.Name)
			}); e != nil {
				return e
			}
			return err
		}})
	}
	return all
}
