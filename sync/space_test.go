package sync

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/genepattern/ferry/sync/store/dir"
)

func TestDownStopsWhereThereIsNoSpace(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(src, name), make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	st, err := dir.New(src)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for free, fits := range map[int64]bool{3 * 8192: true, 3*8192 - 1: false, 0: false} {
		_, err := New(Config{}).Down(t.Context(), st, "", root, Options{Space: NewSpace(free), ExactTimestamps: true})
		if fits != (err == nil) || !fits && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%d bytes free: %v", free, err)
		}
		for _, name := range []string{"a", "b", "c"} {
			_ = os.Remove(filepath.Join(dst, name))
		}
	}
}

// A file that the snapshot's filters left out counts as new, though it was there.
func TestTakeLeavesOutWhatTheFiltersDo(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, name := range []string{"seen", "left out"} {
		if err := os.WriteFile(filepath.Join(src, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	st, err := dir.New(dst)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(src)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	e := New(Config{})
	snap, err := e.Take(t.Context(), root, Options{Filters: []Filter{{Pattern: "left*"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Up(t.Context(), root, st, "", Options{Since: snap}); err != nil {
		t.Fatal(err)
	}
	if sent, _ := os.ReadDir(dst); len(sent) != 1 || sent[0].Name() != "left out" {
		t.Errorf("sent: %v", sent)
	}
}
