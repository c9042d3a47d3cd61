package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/tool"
)

type settings struct {
	ferry, before      string // binaries; before may be ""
	minio              string // its binary, "" for the lab's own server
	store              string // the scheme of the store's URLs
	dir                string
	runs               int
	rows, modes, tools []string
	scale              float64
}

func main() { tool.Main("bench-sync", bench) }

func bench(ctx context.Context, args []string) (int, error) {
	var s settings
	var rows, modes, only string
	f := flag.NewFlagSet("bench-sync", flag.ContinueOnError)
	f.StringVar(&s.ferry, "ferry", "", "the ferry `BINARY` (default: built from this working tree)")
	f.StringVar(&s.before, "before", os.Getenv("BEFORE"), "an older ferry `BINARY` to measure as well (default: $BEFORE)")
	f.StringVar(&s.minio, "minio", "", "measure with the MinIO `BINARY` as the server")
	f.StringVar(&s.store, "store", tool.Env("STORE", "s3"), "the `SCHEME` of the store: s3, or gs with its emulator (default: $STORE)")
	f.StringVar(&s.dir, "dir", "", "work in `DIR` (default: a temporary directory)")
	f.IntVar(&s.runs, "runs", 5, "how often each is measured")
	f.StringVar(&rows, "rows", "small,large,mixed", "of small, tiny, large, mixed, million, outage")
	f.StringVar(&modes, "modes", "plain,delay,tls", "how the server is reached: plain, delay (30 ms more for each answer), tls")
	f.StringVar(&only, "tools", "ferry,s5cmd,rclone,aws,curl", "which tools, where they are found")
	f.Float64Var(&s.scale, "scale", 1, "make the data so much smaller or larger")
	relay := f.String("relay", "", "be the proxy before `ADDRESS` that delays answers, until standard input ends")
	touched := f.Int64("touch", 0, "write to `N` bytes of memory, and end")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0, nil
	case err != nil:
		return 0, err
	case *touched > 0:
		return 0, touch(*touched)
	case *relay != "":
		return 0, runRelay(*relay)
	}
	s.rows, s.modes, s.tools = strings.Split(rows, ","), strings.Split(modes, ","), strings.Split(only, ",")
	if s.ferry == "" {
		if s.ferry, err = lab.Ferry(); err != nil {
			return 0, err
		}
	}
	return 0, run(ctx, s)
}

func run(ctx context.Context, s settings) (err error) {
	if s.dir, err = os.MkdirTemp(s.dir, "ferry-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	tools, err := findTools(s)
	if err != nil {
		return err
	}
	for _, row := range s.rows {
		switch row {
		case "million":
			err = million(ctx, s, tools)
		case "outage":
			err = outage(ctx, s, tools)
		default:
			err = benchRow(ctx, s, tools, row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
