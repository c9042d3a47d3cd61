package sync

import (
	"context"
	"errors"
	"iter"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// Copy makes dst hold under its prefix what src has under its own. Where dst can, it copies by itself; else the bytes pass through this
// process. Of Options count Filters, Delete, DryRun, SizeOnly, Preserve (objects that are directories) and Manner.
func (e *Engine) Copy(ctx context.Context, src store.Store, from string, dst store.Store, to string, o Options) (Stats, error) {
	t := e.begin(ctx, src, nil, o)
	e.lim.atMost(limitOf(dst))
	c := &copies{t: t, dst: dst, from: dirPrefix(from), to: dirPrefix(to)}
	w := startWorkers(t, c.run, func(f copyJob) { t.drop(f.key, f.path) })
	gone := new(pathList)
	defer gone.close()
	t.guard(func() { c.plan(w, gone) })
	t.cutShort = t.ctx.Err() != nil
	t.o.Progress.Complete.Store(true)
	w.wait()
	t.guard(func() { c.deleteKeys(gone) })
	return t.end(ctx)
}

// CopyFile copies one object. Where there is none of that key the error is store.ErrNotExist.
func (e *Engine) CopyFile(ctx context.Context, src store.Store, from string, dst store.Store, to string, o Options) (Stats, error) {
	t := e.begin(ctx, src, nil, o)
	e.lim.atMost(limitOf(dst))
	t.tally.listed.Add(1)
	t.o.Progress.Complete.Store(true)
	c := &copies{t: t, dst: dst}
	f := copyJob{key: to, path: baseOf(to), why: "asked for"}
	var err error
	if f.obj, err = stat(t.ctx, src, from); err != nil {
		t.fail(from, f.path, err)
		return t.end(ctx)
	}
	if t.leaves(f.obj, f.path) {
		return t.end(ctx)
	}
	t.o.Progress.Files.Add(1)
	t.o.Progress.Bytes.Add(f.obj.Size)
	if o.DryRun {
		c.told(f)
		return t.end(ctx)
	}
	if err := e.lim.acquire(t.ctx); err != nil {
		t.fail(from, f.path, err)
		return t.end(ctx)
	}
	t.guard(func() { c.run(f) })
	e.lim.release(1)
	return t.end(ctx)
}

// stat asks about one object, by reading it where the store has no other way.
func stat(ctx context.Context, st store.Store, key string) (store.Object, error) {
	if s, ok := st.(store.Stater); ok {
		return s.Stat(ctx, key)
	}
	r, err := st.Open(ctx, key, store.OpenOptions{})
	if err != nil {
		return store.Object{}, err
	}
	return r.Object, r.Close()
}

// A copyJob is one object that is to be copied.
type copyJob struct {
	obj  store.Object // of the source
	key  string       // of the destination
	path string       // below both prefixes
	why  string
}

// copies decide what Copy moves, and move it.
type copies struct {
	t        *transfer // whose store is the source
	dst      store.Store
	from, to string // prefixes
}

// plan decides about every object and queues those to copy. It adds the paths to delete to gone.
func (c *copies) plan(w *workers[copyJob], gone *pathList) {
	t := c.t
	there := orNothing(c.dst.List(t.ctx, c.to+narrow(t.o.Filters)))
	if t.o.Manner.Always {
		there = nothing
	}
	for p, err := range mergeObjects(t.st.List(t.ctx, c.from+narrow(t.o.Filters)), c.from, there, c.to) {
		if err == nil && t.ctx.Err() != nil {
			err = context.Cause(t.ctx)
		}
		if err != nil {
			t.partial()
			t.halt(err)
			return
		}
		switch {
		case p.path == "" || !included(t.o.Filters, p.path):
		case p.from == nil:
			if t.o.Delete && !isDir(p.path) {
				gone.add(p.path)
			}
		default:
			t.tally.listed.Add(1)
			c.planObject(p, w)
		}
	}
}

// planObject decides about one object.
func (c *copies) planObject(p objects, w *workers[copyJob]) {
	t := c.t
	if isDir(p.path) && !t.o.Preserve && p.from.Size == 0 {
		return // a marker: a directory is nothing in itself, as for the AWS CLI
	}
	f := copyJob{obj: *p.from, key: c.to + p.path, path: p.path}
	need := false
	if need, f.why = t.o.needCopy(*p.from, p.to); !need {
		t.skip(f.key, f.path, f.obj.Size, f.why)
		return
	}
	if t.leaves(f.obj, f.path) {
		return
	}
	t.o.Progress.Files.Add(1)
	t.o.Progress.Bytes.Add(f.obj.Size)
	if t.o.DryRun {
		c.told(f)
		return
	}
	w.add(f)
}

// needCopy decides whether the object is to be copied over the other one, by the AWS CLI's rule.
func (o *Options) needCopy(from store.Object, to *store.Object) (bool, string) {
	switch {
	case o.Manner.Always:
		return true, "asked for"
	case to == nil:
		return true, "not there"
	case from.Size != to.Size:
		return true, "size differs"
	case o.SizeOnly:
		return false, "same size"
	case from.ModTime.After(to.ModTime):
		return true, "source is newer"
	}
	return false, "same size, and source is not newer"
}

// told counts and tells a copy.
func (c *copies) told(f copyJob) {
	t := c.t
	t.tally.files.Add(1)
	t.tally.bytes.Add(f.obj.Size)
	t.o.Progress.DoneFiles.Add(1)
	t.event(Event{Op: OpCopy, Key: f.key, From: f.obj.Key, Path: f.path, Size: f.obj.Size, Why: f.why, Dry: t.o.DryRun})
}

// run is a worker's job. An object that was replaced since it was listed is copied as it is by then.
func (c *copies) run(f copyJob) {
	t := c.t
	err := c.move(f.obj, f.key)
	for try := 0; try < rereads && errors.Is(err, store.ErrChanged); try++ {
		t.count.Retries.Add(1)
		if f.obj, err = stat(t.ctx, t.st, f.obj.Key); err == nil {
			err = c.move(f.obj, f.key)
		}
	}
	if err != nil {
		t.fail(f.key, f.path, err)
		return
	}
	c.told(f)
}

// move copies an object, by whichever way there is.
func (c *copies) move(o store.Object, key string) error {
	t := c.t
	slot := t.partSlots()
	if cp, ok := c.dst.(store.Copier); ok {
		_, err := cp.CopyFrom(t.ctx, t.st, o, key, store.CopyOptions{Parallel: 1 + extraParts, Slot: slot, Sent: t.moved})
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return c.carry(o, key, slot)
}

// deleteKeys removes objects that the source does not have, unless anything went wrong before.
func (c *copies) deleteKeys(gone *pathList) {
	t := c.t
	deleteAt(t, c.dst, c.to, gone, "not in the source")
}

// objects are those of one path on both sides, one of which may be nil.
type objects struct {
	path     string
	from, to *store.Object
}

// mergeObjects walks two listings together, both being in the order of paths, and yields each path once.
func mergeObjects(src iter.Seq2[store.Object, error], from string, dst iter.Seq2[store.Object, error], to string) iter.Seq2[objects, error] {
	return func(yield func(objects, error) bool) {
		next, stop := iter.Pull2(dst)
		defer stop()
		other, failed, more := next()
		for o, err := range src {
			if err != nil {
				yield(objects{}, err)
				return
			}
			path := o.Key[len(from):]
			for more && failed == nil && other.Key[len(to):] < path {
				extra := other
				if !yield(objects{path: extra.Key[len(to):], to: &extra}, nil) {
					return
				}
				other, failed, more = next()
			}
			if failed != nil {
				yield(objects{}, failed)
				return
			}
			p := objects{path: path, from: &o}
			if more && other.Key[len(to):] == path {
				same := other
				p.to = &same
				other, failed, more = next()
			}
			if !yield(p, nil) {
				return
			}
		}
		for ; more; other, failed, more = next() {
			extra := other
			p := objects{}
			if failed == nil {
				p = objects{path: extra.Key[len(to):], to: &extra}
			}
			if !yield(p, failed) || failed != nil {
				return
			}
		}
	}
}

// baseOf is what follows a key's last slash.
func baseOf(key string) string {
	_, name := tree.Split(key)
	return name
}
