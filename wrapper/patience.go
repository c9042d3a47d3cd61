package wrapper

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
)

var (
	errStill   = errors.New("no result has moved for a long time")
	errTooLong = errors.New("the results have taken too long")
)

// A patience is how long results are waited for where ferry itself stopped the module. Nobody is about to kill ferry then, so
// they have time as long as they move.
type patience struct {
	still   time.Duration // without any movement, until saving is given up
	longest time.Duration // from the module's end
	look    time.Duration // between two looks
}

// usualPatience holds outside tests. A connection that is silent for five minutes counts as broken (package wire), and its
// request is sent again.
var usualPatience = patience{still: 6 * time.Minute, longest: 6 * time.Hour, look: time.Second}

// watch calls giveUp once no results move any more, or it has taken too long. It returns when ctx ends.
func (p patience) watch(ctx context.Context, m *movement, giveUp context.CancelCauseFunc) {
	tick := time.NewTicker(p.look)
	defer tick.Stop()
	begun := time.Now()
	last, moved := m.sum(), begun
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if n := m.sum(); n != last || m.waiting.Load() > 0 {
			last, moved = n, now
		}
		switch {
		case now.Sub(begun) >= p.longest:
			giveUp(errTooLong)
		case now.Sub(moved) >= p.still:
			giveUp(errStill)
		}
	}
}

// A movement tells whether results move. It is safe for concurrent use.
type movement struct {
	progress ferrysync.Progress
	waiting  atomic.Int64 // calls to an engine that copies results; it has a limit of its own
}

func (m *movement) sum() int64 { return m.progress.DoneFiles.Load() + m.progress.DoneBytes.Load() }

// during runs f, in which an engine copies results.
func (m *movement) during(f func() error) error {
	m.waiting.Add(1)
	defer m.waiting.Add(-1)
	return f()
}
