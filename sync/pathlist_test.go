package sync_test

import (
	"fmt"
	"runtime"
	"testing"

	ferrysync "github.com/genepattern/ferry/sync"
)

// A million paths take little memory, and come back as they were.
func TestPathList(t *testing.T) {
	var l ferrysync.PathList
	defer l.Close()
	path := func(i int) string {
		return fmt.Sprintf("results/%03d/a file that has a long name %016x", i/5000, uint64(i)*0x9e3779b97f4a7c15)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const n = 1_000_000
	for i := range n {
		l.Add(path(i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 8<<20 {
		t.Errorf("%d MiB for a million paths", used>>20)
	}
	i := 0
	for got, err := range l.All() {
		if err != nil || got != path(i) {
			t.Fatalf("path %d is %q, %v", i, got, err)
		}
		i++
	}
	if i != n {
		t.Errorf("%d paths", i)
	}
}
