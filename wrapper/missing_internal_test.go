package wrapper

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A million lost files take some bytes each, and a list of some size.
func TestMillionMissing(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := newMissing()
	for range 2 { // the transfer names each, and the look at what is missing again
		for i := range 1_000_000 {
			m.add(fmt.Sprint("/jobs/1/bad", i))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	all := m.list()
	if len(all) != maxMissing+1 || !strings.HasPrefix(all[maxMissing], "and 990000 more") {
		t.Errorf("%d names, the last %q", len(all), all[len(all)-1])
	}
	if got := int64(after.HeapAlloc) - int64(before.HeapAlloc); got > 32<<20 {
		t.Errorf("they take %d MiB", got>>20)
	}
}
