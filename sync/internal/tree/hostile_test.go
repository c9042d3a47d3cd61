package tree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/internal/rmtree"
)

// walked are the paths of a walk, and of what it refuses or cannot read.
func walked(t *testing.T, dir string) (paths, refused []string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tr := New(root)
	defer tr.Close()
	for e := range tr.Walk(t.Context(), WalkOptions{}) {
		switch {
		case e.Err == nil:
			paths = append(paths, e.Path)
		case errors.Is(e.Err, ErrRefused):
			refused = append(refused, e.Path)
		default:
			t.Fatalf("%v", e.Err)
		}
	}
	return paths, refused
}

// deepen makes a directory in a directory in a directory, n levels.
func deepen(t *testing.T, dir, name string, n int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_DIRECTORY, 0)
	for range n {
		if err == nil {
			err = unix.Mkdirat(fd, name, 0o755)
		}
		var sub int
		if err == nil {
			sub, err = unix.Openat(fd, name, unix.O_DIRECTORY, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(fd)
		fd = sub
	}
	_ = unix.Close(fd)
}

// A tree that is deeper than any key is refused by name, in bounded memory, and what lies beside it is walked.
func TestDeepTree(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { _ = rmtree.All(filepath.Join(dir, "deep")) })
	for _, name := range []string{"deep", "deep/n", "deep/" + strings.Repeat("n", 255)} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	deepen(t, filepath.Join(dir, "deep/n"), "n", 6_000)
	deepen(t, filepath.Join(dir, "deep", strings.Repeat("n", 255)), strings.Repeat("n", 255), 2_000)
	for _, name := range []string{"a", "deep/a", "deep/n/a", "z"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	paths, refused := walked(t, dir)
	runtime.ReadMemStats(&after)
	if !slices.Equal(paths, []string{"a", "deep/a", "deep/n/a", "z"}) || len(refused) != 2 {
		t.Errorf("walked %q, %d refused", paths, len(refused))
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("the walk took %d MiB", got>>20)
	}
}

// Directories full of links to each other have an end, and each is there by its own name.
func TestLinksToEachOther(t *testing.T) {
	dir := t.TempDir()
	for i := range 8 {
		d := filepath.Join(dir, fmt.Sprint("d", i))
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "f"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for j := range 60 {
			if err := os.Symlink(fmt.Sprint("../d", j%8), filepath.Join(d, fmt.Sprint("l", j))); err != nil {
				t.Fatal(err)
			}
		}
	}
	paths, refused := walked(t, dir)
	if n := len(paths) + len(refused); n > 8*(1+maxWays)*61 {
		t.Errorf("%d paths in all", n)
	}
	for i := range 8 {
		if !slices.Contains(paths, fmt.Sprintf("d%d/f", i)) {
			t.Errorf("d%d/f was not walked", i)
		}
	}
}

// More names than are in memory at once come in their order, each once.
func TestManyNames(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 55_000 { // 14 MB
		name := fmt.Sprintf("%05d%s", i*7919%55_000, strings.Repeat("n", 250))
		if i%1000 == 0 {
			if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
			want = append(want, name+"/")
			continue
		}
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		want = append(want, name)
	}
	slices.Sort(want)
	if paths, _ := walked(t, dir); !slices.Equal(paths, want) {
		t.Errorf("%d paths, want %d", len(paths), len(want))
	}
}
