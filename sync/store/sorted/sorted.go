package sorted

import (
	"container/heap"
	"context"
	"iter"
	"os"
	"slices"
	"strings"
	"unsafe"

	"github.com/genepattern/ferry/sync/store"
)

// Budget is how much memory a listing takes before it goes to the disk, in bytes.
const Budget = 32 << 20

// List yields what list yields, in ascending byte order of keys. Of objects with one key it yields the last. An error of list, or of the
// disk, ends it before the first object, or takes the place of one.
func List(ctx context.Context, list iter.Seq2[store.Object, error], budget int) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		var s spill
		defer s.close()
		held, taken := []store.Object(nil), 0
		for o, err := range list {
			if err != nil {
				yield(store.Object{}, err)
				return
			}
			held = append(held, o)
			if taken += weight(o); taken < budget {
				continue
			}
			if err := s.add(inOrder(held)); err != nil {
				yield(store.Object{}, err)
				return
			}
			held, taken = held[:0], 0
		}
		if ctx.Err() != nil {
			yield(store.Object{}, context.Cause(ctx))
			return
		}
		s.merge(inOrder(held), budget, yield)
	}
}

// weight is what an object takes in memory.
func weight(o store.Object) int { return int(unsafe.Sizeof(o)) + len(o.Key) + len(o.ETag) }

// inOrder sorts objects. Those with one key stay as they came.
func inOrder(objects []store.Object) []store.Object {
	slices.SortStableFunc(objects, func(a, b store.Object) int { return strings.Compare(a.Key, b.Key) })
	return objects
}

// A spill is a temporary file of runs, each of them sorted. The file has no name any more.
type spill struct {
	file *os.File
	ends []int64 // of the runs
}

func (s *spill) close() {
	if s.file != nil {
		_ = s.file.Close() // it has no name any more, and what was read was read
	}
}

// add writes a run.
func (s *spill) add(run []store.Object) error {
	if s.file == nil {
		if err := os.MkdirAll(os.TempDir(), 0o1777); err != nil { // a scratch image has none
			return err
		}
		f, err := os.CreateTemp("", "ferry-list-")
		if err != nil {
			return err
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	begin := int64(0)
	if n := len(s.ends); n > 0 {
		begin = s.ends[n-1]
	}
	n, err := write(s.file, run)
	s.ends = append(s.ends, begin+n)
	return err
}

// merge yields all runs and the last one, which is in memory, as one.
func (s *spill) merge(last []store.Object, budget int, yield func(store.Object, error) bool) {
	var sources []iter.Seq2[store.Object, error]
	begin := int64(0)
	for _, end := range s.ends {
		sources = append(sources, read(s.file, begin, end, max(4<<10, budget/len(s.ends)/2)))
		begin = end
	}
	sources = append(sources, func(yield func(store.Object, error) bool) {
		for _, o := range last {
			if !yield(o, nil) {
				return
			}
		}
	})
	h := &heads{}
	defer h.stop()
	for i, src := range sources {
		next, stop := iter.Pull2(src)
		hd := &head{next: next, stop: stop, run: i}
		if hd.advance() {
			h.all = append(h.all, hd)
		}
	}
	heap.Init(h)
	for len(h.all) > 0 {
		first := h.all[0]
		o, err := first.object, first.err
		if first.advance() {
			heap.Fix(h, 0)
		} else {
			heap.Pop(h)
		}
		if err == nil && len(h.all) > 0 && h.all[0].err == nil && h.all[0].object.Key == o.Key {
			continue // a later one follows
		}
		if !yield(o, err) || err != nil {
			return
		}
	}
}

// A head is the next object of a run.
type head struct {
	next   func() (store.Object, error, bool)
	stop   func()
	run    int
	object store.Object
	err    error
}

// advance goes to the next object, and says whether there is one.
func (h *head) advance() (more bool) {
	if h.object, h.err, more = h.next(); !more {
		h.stop()
	}
	return more
}

// heads are a heap: errors first, then by key, then in the order in which they came.
type heads struct{ all []*head }

func (h *heads) Len() int { return len(h.all) }
func (h *heads) Less(i, j int) bool {
	a, b := h.all[i], h.all[j]
	if (a.err != nil) != (b.err != nil) {
		return a.err != nil
	}
	if c := strings.Compare(a.object.Key, b.object.Key); c != 0 {
		return c < 0
	}
	return a.run < b.run
}
func (h *heads) Swap(i, j int) { h.all[i], h.all[j] = h.all[j], h.all[i] }
func (h *heads) Push(x any)    { h.all = append(h.all, x.(*head)) }
func (h *heads) Pop() any {
	last := h.all[len(h.all)-1]
	h.all = h.all[:len(h.all)-1]
	return last
}

func (h *heads) stop() {
	for _, hd := range h.all {
		hd.stop()
	}
}
