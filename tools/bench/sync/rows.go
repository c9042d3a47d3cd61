package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// makeData makes a row's tree: small, 5,000 files of 16 KiB; tiny, 200,000 of 1 KiB; large, 4 of 512 MiB; mixed, 2,000 from 1 KiB to 64 MiB, the
// logarithms of their sizes evenly spread.
func makeData(dir, row string, scale float64) (files int, bytes int64, err error) {
	r := rand.New(rand.NewPCG(1, 2))
	var sizes []int64
	switch row {
	case "small":
		sizes = slices.Repeat([]int64{16 << 10}, int(5000*scale))
	case "tiny":
		sizes = slices.Repeat([]int64{1 << 10}, int(200_000*scale))
	case "large":
		sizes = slices.Repeat([]int64{int64((512 << 20) * scale)}, 4)
	case "mixed":
		for range int(2000 * scale) {
			sizes = append(sizes, int64(1024*math.Pow(65536, r.Float64())))
		}
	default:
		return 0, 0, fmt.Errorf("no such row: %q", row)
	}
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for i, n := range sizes {
		path := filepath.Join(dir, fmt.Sprintf("d%02d", i/100), fmt.Sprintf("file-%04d", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return 0, 0, err
		}
		f, err := os.Create(path)
		if err != nil {
			return 0, 0, err
		}
		for left := n; left > 0; {
			at := r.IntN(len(noise) / 2)
			m, err := f.Write(noise[at:min(int64(len(noise)), int64(at)+left)])
			if err != nil {
				return 0, 0, err
			}
			left -= int64(m)
		}
		if err := f.Close(); err != nil {
			return 0, 0, err
		}
		bytes += n
	}
	return len(sizes), bytes, nil
}

var operations = []string{"up", "up again", "down", "down again"}

func benchRow(ctx context.Context, s settings, tools []peer, row string) error {
	src := filepath.Join(s.dir, "src")
	defer func() { _ = os.RemoveAll(src) }()
	files, bytes, err := makeData(src, row, s.scale)
	if err != nil {
		return err
	}
	fmt.Printf("\n## %s: %d files, %.1f MiB\n", row, files, float64(bytes)/(1<<20))
	for _, mode := range s.modes {
		if s.store == google && mode == "tls" {
			continue // the emulator's certificate is nobody's
		}
		if err := benchMode(ctx, s, tools, row, mode, src, bytes); err != nil {
			return err
		}
	}
	return nil
}

func benchMode(ctx context.Context, s settings, tools []peer, row, mode, src string, bytes int64) (err error) {
	srv, err := startServer(s, mode == "tls")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	at := srv.target
	if mode == "delay" {
		p, err := startDelay(strings.TrimPrefix(at.endpoint, "http://"))
		if err != nil {
			return err
		}
		defer p.stop()
		at.endpoint, at.far = "http://"+p.addr, true
	}
	costs := map[string]map[string][]cost{} // by operation, by tool
	for _, op := range operations {
		costs[op] = map[string][]cost{}
	}
	for i := range s.runs {
		for j := range tools {
			t := tools[(i+j)%len(tools)]
			if err := benchTool(ctx, s, t, at, src, bytes, costs); err != nil {
				return err
			}
			progress(row, mode, i, t.name, costs)
			if t.name == "ferry" && row == "large" && slices.Contains(s.tools, "curl") && s.store != google {
				warm(2 * bytes)
				c, err := curl(ctx, src, at, filepath.Join(s.dir, "dst"))
				if err != nil {
					return err
				}
				costs["down"]["curl"] = append(costs["down"]["curl"], c)
			}
			if err := srv.clear(); err != nil {
				return err
			}
		}
	}
	for _, op := range operations {
		report(mode, op, costs[op])
	}
	return nil
}

func benchTool(ctx context.Context, s settings, t peer, at target, src string, bytes int64, costs map[string]map[string][]cost) error {
	dst := filepath.Join(s.dir, "dst")
	defer func() { _ = os.RemoveAll(dst) }()
	remote := at.url("data")
	for _, op := range operations {
		from, to := src, remote
		if strings.HasPrefix(op, "down") {
			from, to = remote, dst
		}
		if op == "up" || op == "down" {
			warm(2 * bytes) // up, a server may keep the parts of an object and the object for a while
		}
		c, err := measure(ctx, t.path, t.sync(at, from, to), at)
		if err != nil {
			return err
		}
		costs[op][t.name] = append(costs[op][t.name], c)
	}
	return check(src, dst)
}

// progress says on standard error what a tool has just taken: the table comes after minutes, or hours.
func progress(row, mode string, round int, tool string, costs map[string]map[string][]cost) {
	line := fmt.Sprintf("%s, %s, round %d, %s:", row, mode, round+1, tool)
	for _, op := range operations {
		c := costs[op][tool][round]
		line += fmt.Sprintf(" %s %.2f s, %.2f s, %d MiB;", op, c.wall.Seconds(), c.cpu.Seconds(), c.mem>>10)
	}
	fmt.Fprintln(os.Stderr, strings.TrimSuffix(line, ";"))
}

// check makes sure that a tool did what it was measured for.
func check(src, dst string) error {
	return filepath.WalkDir(src, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := d.Info()
		if err != nil {
			return err
		}
		got, err := os.Stat(filepath.Join(dst, strings.TrimPrefix(path, src)))
		if err == nil && got.Size() != want.Size() {
			err = fmt.Errorf("%s has %d bytes", path, got.Size())
		}
		return err
	})
}
