package wrapper

import (
	"sync"

	"github.com/genepattern/ferry/engine"
)

// usage is what the module was seen to use. It is safe for concurrent use.
type usage struct {
	mu   sync.Mutex
	peak int64 // bytes of memory
	last engine.Stats
}

func (u *usage) add(s engine.Stats) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = s
	u.peak = max(u.peak, s.Memory, s.MemoryPeak)
}

func (u *usage) get() (peak int64, last engine.Stats) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.peak, u.last
}
