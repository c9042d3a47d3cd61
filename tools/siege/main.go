package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/tool"
)

type settings struct {
	ferry, minio, dir string
	tries, files      int
	from              int
	seed              uint64
	ops               []string
}

func main() { tool.Main("siege", siege) }

func siege(ctx context.Context, args []string) (int, error) {
	var s settings
	var ops string
	f := flag.NewFlagSet("siege", flag.ContinueOnError)
	f.StringVar(&s.ferry, "ferry", "", "the ferry `BINARY` (default: built from this working tree)")
	f.StringVar(&s.minio, "minio", "", "besiege the MinIO `BINARY`")
	f.StringVar(&s.dir, "dir", "", "work in `DIR` (default: a temporary directory)")
	f.IntVar(&s.tries, "tries", 20, "how often each operation is tried")
	f.IntVar(&s.from, "from", 1, "begin with this `TRY`")
	f.IntVar(&s.files, "files", 2000, "how many files are moved")
	f.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano())&0xffff, "where chance begins")
	f.StringVar(&ops, "ops", "up,down,copy", "of up, down, copy")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0, nil
	case err != nil:
		return 0, err
	}
	s.ops = strings.Split(ops, ",")
	for _, op := range s.ops {
		if !slices.Contains([]string{up, down, copied}, op) {
			return 0, fmt.Errorf("no such operation: %q", op)
		}
	}
	if s.ferry == "" {
		if s.ferry, err = lab.Ferry(); err != nil {
			return 0, err
		}
	}
	if s.dir, err = os.MkdirTemp(s.dir, "ferry-siege-"); err != nil {
		return 0, err
	}
	broken, err := besiege(ctx, s)
	err = errors.Join(err, os.RemoveAll(s.dir))
	if err == nil && broken > 0 {
		err = fmt.Errorf("%d tries failed; -seed %d repeats their chances", broken, s.seed)
	}
	return 0, err
}

// besiege makes all tries, and counts those that failed.
func besiege(ctx context.Context, s settings) (broken int, err error) {
	b := &besieged{s: s, src: filepath.Join(s.dir, "src")}
	if err := makeTree(b.src, s.files, rand.New(rand.NewPCG(s.seed, 0))); err != nil {
		return 0, err
	}
	if b.config, err = config(s.dir); err != nil {
		return 0, err
	}
	if b.srv, err = startVictim(s); err != nil {
		return 0, err
	}
	defer b.srv.kill()
	if err := b.prepare(ctx); err != nil {
		return 0, err
	}
	fmt.Printf("seed %d, %s, %d files; undisturbed:", s.seed, b.srv.name, s.files)
	for _, op := range s.ops {
		fmt.Printf(" %s %.1f s", op, b.usual[op].Seconds())
	}
	fmt.Println()
	for i := s.from; i < s.from+s.tries; i++ {
		for n, op := range s.ops {
			chance := rand.New(rand.NewPCG(s.seed, uint64(i*len(s.ops)+n+1)))
			report, err := b.try(ctx, op, i, chance)
			if ctx.Err() != nil {
				return broken, ctx.Err()
			}
			verdict := "held"
			if err != nil {
				broken++
				verdict = fmt.Sprintf("BROKEN: %v", err)
			}
			fmt.Printf("%s %d: %s: %s\n", op, i, report, verdict)
		}
	}
	return broken, nil
}

// config makes an AWS configuration file by which much is sent in parts.
func config(dir string) (string, error) {
	path := filepath.Join(dir, "config")
	return path, os.WriteFile(path, []byte("[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n"), 0o600)
}
