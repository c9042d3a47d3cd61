package sync_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// A longList is a store that lists n objects and has none of them.
type longList struct {
	store.Store
	n    int
	peak uint64 // of the heap, while it lists, over what it was before
}

func (l *longList) URL(key string) string { return "long://" + key }

func (l *longList) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	when := time.Now().Add(time.Hour)
	return func(yield func(store.Object, error) bool) {
		before := inUse()
		for i := range l.n {
			if i%(l.n/4) == l.n/4-1 {
				l.peak = max(l.peak, inUse()-min(before, inUse()))
			}
			key := fmt.Sprintf("%sd%04d/file-%07d.txt", prefix, i/1000, i)
			if !yield(store.Object{Key: key, Size: 0, ModTime: when, ETag: `"0"`}, nil) {
				return
			}
		}
	}
}

// inUse is the heap that is in use. What pools hold is given up by the second collection.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// heapLimit is far below what so many objects would take if they were kept: 100 bytes of each is 20 MiB. A million of them
// are a benchmark's, in tools/bench/sync.
const heapLimit = 4 << 20

func TestLongListing(t *testing.T) {
	const n = 200_000
	l := &longList{n: n}
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), l, "in", openRoot(t, t.TempDir()), ferrysync.Options{DryRun: true})
	if err != nil || s.Files != n || s.Listed != n {
		t.Errorf("%+v, %v", s, err)
	}
	if l.peak > heapLimit {
		t.Errorf("heap grew by %d KiB", l.peak>>10)
	}
}

// The same against a tree that has them.
func TestManyObjectsAndFiles(t *testing.T) {
	const n = 4_000
	dst := t.TempDir()
	for i := range n {
		path := filepath.Join(dst, fmt.Sprintf("d%04d/file-%07d.txt", i/1000, i))
		if i%1000 == 0 {
			if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), &longList{n: n}, "in", openRoot(t, dst), ferrysync.Options{Preserve: true})
	if err != nil || s.Files != 0 || s.Skipped != n {
		t.Errorf("%+v, %v", s, err)
	}
}
