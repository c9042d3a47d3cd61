package rmtree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// deepen makes a directory with two files in a directory, n times.
func deepen(t *testing.T, dir, name string, n int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_DIRECTORY, 0)
	for i := 0; i < n && err == nil; i++ {
		if err = unix.Mkdirat(fd, name, 0o755); err != nil {
			break
		}
		var sub, f int
		sub, err = unix.Openat(fd, name, unix.O_DIRECTORY, 0)
		if err == nil && i%100 == 0 {
			if f, err = unix.Openat(sub, "f", unix.O_CREAT|unix.O_WRONLY, 0o644); err == nil {
				_ = unix.Close(f)
				err = unix.Symlinkat("/etc", sub, "link")
			}
		}
		_ = unix.Close(fd)
		fd = sub
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(fd)
}

// few leaves the process few descriptors until the test's end.
func few(t *testing.T) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 128, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) })
}

// A tree deeper than there are descriptors, and than paths can be, is removed; what links lead to is not.
func TestDeeperThanDescriptors(t *testing.T) {
	dir := t.TempDir()
	few(t)
	for _, name := range []string{"x", "keep"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "in"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../keep", filepath.Join(dir, "x/link")); err != nil {
		t.Fatal(err)
	}
	deepen(t, filepath.Join(dir, "x/in"), "d", 4000)
	deepen(t, filepath.Join(dir, "x"), strings.Repeat("n", 255), 300)
	if err := os.RemoveAll(filepath.Join(dir, "x/in")); err == nil {
		t.Fatal("this tree is no attack: os.RemoveAll removes it")
	}
	if err := All(filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "keep/in")); err != nil {
		t.Error(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	deepen(t, filepath.Join(dir, "keep"), "d", 1000)
	if err := Below(root, "keep"); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestAll(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"none", "l"} {
		if err := All(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
		t.Errorf("what a link led to: %v", err)
	}
	if err := All(filepath.Join(dir, "f")); err != nil {
		t.Error(err)
	}
	for i := range 3000 { // more than one batch of names
		if err := os.WriteFile(filepath.Join(dir, strings.Repeat("x", i%200+1)+string(rune('a'+i/200))), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := All(dir); err != nil {
		t.Error(err)
	}
}
