package commit_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/internal/carry"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/engine"
	"github.com/genepattern/ferry/wrapper/engine/docker"
)

// What is copied and frozen: as many files and bytes as the reach of freezing is stated for.
const (
	benchFiles  = 5000
	benchBytes  = 200 << 20
	benchRounds = 3
)

// BenchmarkReach prints how copy staging compares with `docker cp` of the same tree, freezing without a push with
// `docker commit` of a container with the same files, and how much memory ferry takes. The rounds of all alternate.
func BenchmarkReach(b *testing.B) {
	program, err := exec.LookPath("docker")
	testenv.Require(b, err == nil, "the docker command")
	e, err := docker.New(docker.Config{Host: testenv.Docker(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	bench := &reach{B: b, e: e, docker: program, tree: plantTree(b), times: map[string][]time.Duration{}}
	if bench.base, err = e.Image(b.Context(), testenv.ModuleImage(b), nil); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		for i := range benchRounds + 1 {
			bench.round(i > 0) // the first fills the caches and does not count
		}
	}
	bench.print()
}

type reach struct {
	*testing.B
	e      *docker.Engine
	docker string
	tree   string
	base   engine.Image
	times  map[string][]time.Duration
	memory int64 // KiB, of ferry's process
}

// plantTree makes the files in several levels of directories.
func plantTree(b *testing.B) string {
	dir := filepath.Join(b.TempDir(), "tasklib")
	random := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, benchBytes/benchFiles)
	for i := range benchFiles {
		for j := 0; j+8 <= len(body); j += 8 {
			v := random.Uint64()
			for k := range 8 {
				body[j+k] = byte(v >> (8 * k))
			}
		}
		p := filepath.Join(dir, fmt.Sprint(i%50), fmt.Sprint(i%500), fmt.Sprintf("file%d", i))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(p, body, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

func (r *reach) measure(count bool, name string, f func() error) {
	syscall.Sync() // what the one before left to be written is not this one's time
	start := time.Now()
	if err := f(); err != nil {
		r.Fatalf("%s: %v", name, err)
	}
	if count {
		r.times[name] = append(r.times[name], time.Since(start))
	}
}

func (r *reach) run(args ...string) error {
	cmd := exec.CommandContext(r.Context(), r.docker, args...)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func (r *reach) round(count bool) {
	ctx := r.Context()
	root, err := os.OpenRoot(filepath.Dir(r.tree))
	if err != nil {
		r.Fatal(err)
	}
	defer root.Close()
	dirs := []carry.Dir{carry.FromRoot(root, "tasklib", "/gp/tasklib", nil, nil)}

	byDocker, byFerry := r.container(), r.container()
	defer byDocker.Remove(context.WithoutCancel(ctx))
	defer byFerry.Remove(context.WithoutCancel(ctx))
	r.measure(count, "docker cp", func() error { return r.run("cp", "-q", r.tree, byDocker.ID()+":/tasklib") })
	r.measure(count, "copy staging", func() error { return carry.In(ctx, byFerry.(engine.Copier), dirs, false) })

	const tag = "ferry-bench-freeze"
	// Each makes its image where there is none with that layer.
	forget := func(name string) {
		if err := r.quiet("rmi", tag+":"+name); err != nil {
			r.Fatal(err)
		}
	}
	r.measure(count, "docker commit", func() error { return r.quiet("commit", byFerry.ID(), tag+":docker") })
	forget("docker")
	f := &commit.Freezer{Images: r.e, Version: "bench"}
	r.measure(count, "freeze, whole", func() error {
		out, err := f.Freeze(ctx, commit.Request{Name: tag + ":ferry", Image: r.base, Dirs: dirs, Local: true})
		return errOr(err, out.Outcome == commit.OutcomeCommitted)
	})
	forget("ferry")
	cmd := exec.CommandContext(ctx, testenv.FerryBinary(r), "commit", byFerry.ID(), "--to", tag+":commit", "--no-push")
	r.measure(count, "ferry commit", func() error {
		cmd.Stderr = os.Stderr
		return r.watched(cmd)
	})
	forget("commit")
	copied := exec.CommandContext(ctx, testenv.FerryBinary(r), "commit", byDocker.ID(), "--to", tag+":dir", "--no-push", "--dir", "/tasklib")
	if err := r.watched(copied); err != nil { // for its memory: the files pass through ferry
		r.Fatal(err)
	}
	forget("dir")
}

// watched runs ferry and keeps the highest memory it had. The system's own account of a child begins with its parent's.
func (r *reach) watched(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			_, after, ok := strings.Cut(string(text), "VmHWM:")
			if err != nil || !ok {
				return // it has ended
			}
			var kib int64
			_, _ = fmt.Sscan(after, &kib)
			r.memory = max(r.memory, kib)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	err := cmd.Wait()
	<-done
	return err
}

func (r *reach) quiet(args ...string) error {
	cmd := exec.CommandContext(r.Context(), r.docker, args...)
	cmd.Stdout = io.Discard
	return cmd.Run()
}

func errOr(err error, ok bool) error {
	if err == nil && !ok {
		err = fmt.Errorf("it did not do what was asked")
	}
	return err
}

func (r *reach) container() engine.Container {
	c, err := r.e.Create(r.Context(), engine.Spec{Image: r.base, Command: []string{"/bin/true"}, Network: "none", Labels: map[string]string{"ferry-test": "bench"}})
	if err != nil {
		r.Fatal(err)
	}
	return c
}

func (r *reach) median(name string) time.Duration {
	all := slices.Sorted(slices.Values(r.times[name]))
	return all[len(all)/2]
}

func (r *reach) print() {
	fmt.Printf("\n%d files, %d MB, %d rounds, medians\n", benchFiles, benchBytes>>20, len(r.times["docker cp"]))
	fmt.Printf("%6s  %-14s %8s   %-14s %8s\n", "ratio", "ferry", "s", "peer", "s")
	for _, pair := range [][2]string{{"copy staging", "docker cp"}, {"freeze, whole", "docker commit"}, {"ferry commit", "docker commit"}} {
		mine, peer := r.median(pair[0]), r.median(pair[1])
		ratio := mine.Seconds() / peer.Seconds()
		fmt.Printf("%6.2f  %-14s %8.2f   %-14s %8.2f\n", ratio, pair[0], mine.Seconds(), pair[1], peer.Seconds())
	}
	fmt.Printf("memory of the ferry process at its highest: %.1f MiB\n", float64(r.memory)/1024)
}
