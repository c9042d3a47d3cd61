package wrapper

import (
	"context"
	"fmt"
	"hash/maphash"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
)

// missing has the paths that stage out could not bring to the store. A nil missing keeps nothing. It is safe for concurrent
// use.
type missing struct {
	mu     sync.Mutex
	names  map[string]bool
	size   int // bytes of names
	seed   maphash.Seed
	others []uint64 // hashes of the names that are too many to be kept
	refuse bool
	later  bool
}

// Bounds of the names that are kept. A module can leave millions that cannot be stored, and run.json has them all.
const (
	maxMissing      = 10_000
	maxMissingBytes = 1 << 20
)

func newMissing() *missing { return &missing{names: map[string]bool{}, seed: maphash.MakeSeed()} }

func (m *missing) add(name string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.names[name]:
	case len(m.names) < maxMissing && m.size+len(name) <= maxMissingBytes:
		m.names[name] = true
		m.size += len(name)
	default:
		m.others = append(m.others, maphash.String(m.seed, name))
	}
}

// refused notes that something is missing for another reason than the lack of time.
func (m *missing) refused() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = true
}

// pend adds a path that may be brought there later.
func (m *missing) pend(name string) {
	if m == nil {
		return
	}
	m.add(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.later = true
}

// hasPending reports whether something is missing that may be brought there later.
func (m *missing) hasPending() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.later
}

// forGood reports whether something is missing that more time would not have brought to the store.
func (m *missing) forGood() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refuse
}

// list has the names in their order, and at its end how many there are besides.
func (m *missing) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]string, 0, len(m.names))
	for n := range m.names {
		all = append(all, n)
	}
	slices.Sort(all)
	slices.Sort(m.others)
	m.others = slices.Compact(m.others)
	if n := len(m.others); n > 0 {
		all = append(all, fmt.Sprintf("and %d more, which transfer.log names", n))
	}
	return all
}

// lookTime bounds the search for what is missing after a transfer has failed. A walk of a million files takes some seconds.
const lookTime = 10 * time.Second

// look adds the files of dir that were to be sent and were not. plan makes the same transfer again, as a dry run.
func (m *missing) look(ctx context.Context, dir string, sent *sentSet, plan func(context.Context, func(ferrysync.Event))) {
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	was := sent.sorted()
	plan(ctx, func(e ferrysync.Event) {
		if e.Op == ferrysync.OpFail || e.Op == ferrysync.OpUpload && !was(e.Path) {
			m.pend(path.Join(dir, e.Path))
		}
	})
	if ctx.Err() != nil { // after half a plan nothing in dir is certain
		m.pend(strings.TrimSuffix(dir, "/") + "/")
	}
}

// A sentSet has a hash of 8 bytes for each path that was sent. A missing file whose hash collides with that of a sent one
// would not be found; the odds are one in 2^64. It is safe for concurrent use.
type sentSet struct {
	seed maphash.Seed
	mu   sync.Mutex
	all  []uint64
}

func newSentSet() *sentSet { return &sentSet{seed: maphash.MakeSeed()} }

func (s *sentSet) add(p string) {
	h := maphash.String(s.seed, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, h)
}

// sorted gives a function that reports whether a path was sent. It is called once nothing is added any more.
func (s *sentSet) sorted() func(string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.all)
	return func(p string) bool {
		_, found := slices.BinarySearch(s.all, maphash.String(s.seed, p))
		return found
	}
}
