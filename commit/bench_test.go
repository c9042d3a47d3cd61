package commit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/testenv"
)

// What is copied and frozen: as many files and bytes as the reach of freezing is stated for.
const (
	benchFiles  = 5000
	benchBytes  = 200 << 20
	benchRounds = 12 // each order of three twice
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
	defer func() { _ = e.Close() }()
	bench := &reach{B: b, e: e, docker: program, tree: plantTree(b), times: map[string][]time.Duration{}}
	if bench.base, err = e.Image(b.Context(), testenv.ModuleImage(b), nil); err != nil {
		b.Fatal(err)
	}
	defer bench.tidy()
	for range b.N {
		for i := range benchRounds + 1 {
			bench.round(i) // the first fills the caches and does not count
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

	containers []engine.Container
	images     []string
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

// round makes everything anew and deletes none of the files: for minutes after files were deleted, ext4 looks long for inodes that
// it may give to new ones (recently_deleted, a quarter of a commit's time), and whatever came next would pay for it. So
// that no image has a layer that another has already, each has a directory of its own.
func (r *reach) round(n int) {
	ctx := r.Context()
	root, err := os.OpenRoot(filepath.Dir(r.tree))
	if err != nil {
		r.Fatal(err)
	}
	defer root.Close()
	at := func(name string) []copytree.Dir {
		return []copytree.Dir{copytree.FromRoot(root, "tasklib", fmt.Sprintf("/gp/%s%d/tasklib", name, n), nil, nil)}
	}
	filled := func(name string) engine.Container {
		c := r.container()
		if err := copytree.In(ctx, copier(c), at(name), false); err != nil {
			r.Fatal(err)
		}
		return c
	}
	byDocker, byFerry := r.container(), r.container()
	forDocker, forFerry := filled("d"), filled("f")
	f := &commit.Freezer{Engine: r.e, Images: r.e.Images(), Version: "bench"}
	ferry := func(c engine.Container, tag string, more ...string) error {
		cmd := exec.CommandContext(ctx, testenv.FerryBinary(r), append([]string{"commit", c.ID(), "--to", r.tag(tag, n), "--no-push"}, more...)...)
		cmd.Stderr = os.Stderr
		return r.watched(cmd)
	}
	for _, group := range [][]measured{
		{
			{"docker cp", nil, func() error { return r.run("cp", "-q", r.tree, byDocker.ID()+":/tasklib") }},
			{"copy staging", nil, func() error { return copytree.In(ctx, copier(byFerry), at("c"), false) }},
		}, {
			{"docker commit", forDocker, func() error { return r.quiet("commit", forDocker.ID(), r.tag("docker", n)) }},
			{"ferry commit", forFerry, func() error { return ferry(forFerry, "commit") }},
			{"freeze, whole", nil, func() error {
				out, err := f.Freeze(ctx, commit.Request{Name: r.tag("ferry", n), Image: r.base, Dirs: at("w"), Local: true})
				return errOr(err, out.Outcome == commit.OutcomeCommitted)
			}},
		},
	} {
		for _, i := range orders[len(group)][n%len(orders[len(group)])] {
			m := group[i]
			r.read(m.source)
			r.measure(n > 0, m.name, m.do)
		}
	}
	if n == 0 { // for its memory: the files pass through ferry
		if err := ferry(byDocker, "dir", "--dir", "/tasklib"); err != nil {
			r.Fatal(err)
		}
	}
}

// orders are all orders of two and of three, so that none is before or behind the same other more often than another is.
var orders = map[int][][]int{
	2: {{0, 1}, {1, 0}},
	3: {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {1, 0, 2}},
}

type measured struct {
	name   string
	source engine.Container // what is read, nil for the tree
	do     func() error
}

// read reads what is about to be copied, so that all find it in memory: some machines drop what they cached in seconds.
func (r *reach) read(source engine.Container) {
	if source == nil {
		err := filepath.WalkDir(r.tree, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				_, err = os.ReadFile(p)
			}
			return err
		})
		if err != nil {
			r.Fatal(err)
		}
		return
	}
	files, err := copier(source).CopyOut(r.Context(), "/gp")
	if err == nil {
		_, err = io.Copy(io.Discard, files)
		files.Close()
	}
	if err != nil {
		r.Fatal(err)
	}
}

// tag names an image, which is removed at the end.
func (r *reach) tag(name string, n int) string {
	ref := fmt.Sprintf("ferry-bench-freeze:%s%d", name, n)
	if !slices.Contains(r.images, ref) {
		r.images = append(r.images, ref)
	}
	return ref
}

// tidy removes what the rounds made.
func (r *reach) tidy() {
	for _, c := range r.containers {
		if err := c.Remove(context.Background()); err != nil {
			r.Log(err)
		}
	}
	for _, ref := range r.images {
		if err := r.e.Images().RemoveImage(context.Background(), ref); err != nil && !errors.Is(err, engine.ErrNoImage) {
			r.Log(err)
		}
	}
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
	r.containers = append(r.containers, c)
	return c
}

func (r *reach) median(name string) time.Duration {
	all := slices.Sorted(slices.Values(r.times[name]))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// print prints the ratios. A job's files are mounted, and not in its container: freezing it is both bringing them to the
// engine and committing, as docker cp and docker commit are by hand.
func (r *reach) print() {
	fmt.Printf("\n%d files, %d MB, %d rounds, medians\n", benchFiles, benchBytes>>20, len(r.times["docker cp"]))
	fmt.Printf("%6s  %-14s %8s   %-26s %8s\n", "ratio", "ferry", "s", "peer", "s")
	for _, row := range []struct {
		mine  string
		peers []string
	}{
		{"copy staging", []string{"docker cp"}},
		{"ferry commit", []string{"docker commit"}},
		{"freeze, whole", []string{"docker commit"}},
		{"freeze, whole", []string{"docker cp", "docker commit"}},
	} {
		mine, peer := r.median(row.mine), time.Duration(0)
		for _, p := range row.peers {
			peer += r.median(p)
		}
		fmt.Printf("%6.2f  %-14s %8.2f   %-26s %8.2f\n", mine.Seconds()/peer.Seconds(), row.mine, mine.Seconds(), strings.Join(row.peers, ", "), peer.Seconds())
	}
	fmt.Printf("memory of the ferry process at its highest: %.1f MiB\n", float64(r.memory)/1024)
}

// copier is the container's, which Docker's have.
func copier(c engine.Container) engine.Copier {
	copier, ok := engine.CopierOf(c)
	if !ok {
		panic("the container cannot be copied from")
	}
	return copier
}
