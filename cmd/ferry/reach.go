package main

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/wrapper"
)

// reachTime is how long an address may take to answer. Those that are asked about are on the node or beside it.
const reachTime = 2 * time.Second

// reachCommand prints those of its arguments, HOST:PORT, that take a connection. Ferry runs it by itself, in a container, to learn what
// a module would reach.
func reachCommand(w world) *cli.Command {
	return &cli.Command{Name: wrapper.ReachName, Hidden: true, Action: func(c *cli.Context) error {
		addresses := c.Args().Slice()
		open := make([]bool, len(addresses))
		var wg sync.WaitGroup
		for i, a := range addresses {
			wg.Go(func() {
				if conn, err := net.DialTimeout("tcp", a, reachTime); err == nil {
					open[i] = true
					_ = conn.Close()
				}
			})
		}
		wg.Wait()
		for i, a := range addresses {
			if open[i] {
				fmt.Fprintln(w.stdout, a)
			}
		}
		return nil
	}}
}
