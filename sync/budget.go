package sync

import (
	"fmt"
	"sync/atomic"

	"github.com/docker/go-units"

	"github.com/genepattern/ferry/cause"
)

// ErrTooLarge is a file that does not fit into a Budget.
var ErrTooLarge = cause.New(cause.StageOut, "is it sparse? --max-output allows more", "too large")

// A Budget bounds how many bytes uploads may send. Several transfers can share one; nil is without bounds.
type Budget struct {
	all  int64
	left atomic.Int64
}

// NewBudget is a budget of so many bytes.
func NewBudget(all int64) *Budget {
	b := &Budget{all: all}
	b.left.Store(all)
	return b
}

// Take claims bytes for a file that fits. The error is ErrTooLarge, and nothing is claimed then: a smaller file may still fit.
func (b *Budget) Take(size int64) error {
	if b == nil {
		return nil
	}
	for {
		left := b.left.Load()
		if size > left {
			return fmt.Errorf("%w: it has %s, and of %s for all results %s are left", ErrTooLarge,
				units.BytesSize(float64(size)), units.BytesSize(float64(b.all)), units.BytesSize(float64(left)))
		}
		if b.left.CompareAndSwap(left, left-size) {
			return nil
		}
	}
}
