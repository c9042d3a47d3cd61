// Command bench-sync compares `ferry sync` with the peers found on the machine, aws, rclone and s5cmd: the same data, the
// same S3 server, one run, the tools taking turns. It prints a table of medians, the ratio to the best peer first.
//
// `make bench-sync` runs it. It needs about four times the size of the largest row in -dir, which is best on a tmpfs
// where that fits into memory (the mixed row is of 12 GB, see -scale), and nothing but the loopback interface.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

type settings struct {
	ferry, server, dir string
	runs               int
	rows, modes, tools []string
	scale              float64
}

func main() {
	var s settings
	var rows, modes, only string
	flag.StringVar(&s.ferry, "ferry", "bin/ferry", "the ferry `BINARY`")
	flag.StringVar(&s.server, "server", "bin/test/s3server", "the s3server `BINARY`, of tools/s3server")
	flag.StringVar(&s.dir, "dir", "", "work in `DIR` (default: a temporary directory)")
	flag.IntVar(&s.runs, "runs", 5, "how often each is measured")
	flag.StringVar(&rows, "rows", "small,large,mixed", "of small, large, mixed, million")
	flag.StringVar(&modes, "modes", "plain,delay,tls", "how the server is reached: plain, delay (30 ms more for each answer), tls")
	flag.StringVar(&only, "tools", "ferry,s5cmd,rclone,aws,curl", "which tools, where they are found")
	flag.Float64Var(&s.scale, "scale", 1, "make the data so much smaller or larger")
	relay := flag.String("relay", "", "be the proxy before `ADDRESS` that delays answers, until standard input ends")
	touched := flag.Int64("touch", 0, "write to `N` bytes of memory, and end")
	flag.Parse()
	if *touched > 0 {
		if err := touch(*touched); err != nil {
			fmt.Fprintf(os.Stderr, "bench-sync: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if *relay != "" {
		if err := runRelay(*relay); err != nil {
			fmt.Fprintf(os.Stderr, "bench-sync: %v\n", err)
			os.Exit(1)
		}
		return
	}
	s.rows, s.modes, s.tools = strings.Split(rows, ","), strings.Split(modes, ","), strings.Split(only, ",")
	if err := run(s); err != nil {
		fmt.Fprintf(os.Stderr, "bench-sync: %v\n", err)
		os.Exit(1)
	}
}

func run(s settings) (err error) {
	if s.dir, err = os.MkdirTemp(s.dir, "ferry-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		os.RemoveAll(s.dir)
		os.Exit(130)
	}()
	tools, err := findTools(s)
	if err != nil {
		return err
	}
	for _, row := range s.rows {
		if row == "million" {
			if err := million(s, tools); err != nil {
				return err
			}
			continue
		}
		if err := benchRow(s, tools, row); err != nil {
			return err
		}
	}
	return nil
}
