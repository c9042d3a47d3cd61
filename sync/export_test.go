package sync

import (
	"iter"
	"testing"
	"time"
)

// The tests move megabytes where people move gigabytes.
func init() { bigSize, pieceSize = 2<<20, 1<<20 }

// PathList is pathList.
type PathList struct{ l pathList }

func (p *PathList) Add(path string)               { p.l.add(path) }
func (p *PathList) All() iter.Seq2[string, error] { return p.l.all() }
func (p *PathList) Close()                        { p.l.close() }

// SweepAfter sets sweepAge for a test that runs alone.
func SweepAfter(t *testing.T, d time.Duration) {
	was := sweepAge
	sweepAge = d
	t.Cleanup(func() { sweepAge = was })
}
