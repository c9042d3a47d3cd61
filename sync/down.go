package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// Down makes the tree root hold what the store has under prefix. A prefix is a directory: "in" is "in/". It returns
// what was done also beside an error; errors of several files are joined.
func (e *Engine) Down(ctx context.Context, st store.Store, prefix string, root *os.Root, o Options) (Stats, error) {
	t := e.begin(ctx, st, root, o)
	d := &downloads{t: t}
	w := startWorkers(t, d.run, func(f download) { t.drop(f.obj.Key, f.path) })
	gone := new(pathList)
	defer gone.close()
	t.guard(func() { d.plan(dirPrefix(prefix), w, gone) })
	t.cutShort = t.ctx.Err() != nil
	w.wait()
	t.guard(func() {
		d.reconcile()
		d.deleteFiles(gone)
	})
	return t.end(ctx)
}

// A download is one object that is to come.
type download struct {
	obj  store.Object
	path string
	why  string

	unlisted bool // of obj only the key is known
}

// downloads decide what Down moves.
type downloads struct {
	t                *transfer
	planned, settled atomic.Int64 // objects to download, and those whose outcome was told
	cases            cases
}

// plan decides about every object and queues those to download. It adds the files to delete to gone.
func (d *downloads) plan(prefix string, w *workers[download], gone *pathList) {
	t := d.t
	defer t.o.Progress.Complete.Store(true)
	var seen clashes
	pairs := merge(t.ctx, t.st.List(t.ctx, prefix+narrow(t.o.Filters)), prefix, t.tree.Walk(t.ctx, tree.WalkOptions{NoFollow: t.o.NoFollow, Sweep: !t.o.DryRun}))
	for p, err := range pairs {
		if err != nil {
			t.partial()
			t.halt(err)
			return
		}
		if t.ctx.Err() != nil {
			t.partial()
			return
		}
		if p.obj == nil {
			if d.extraFile(p.file) {
				gone.add(p.path)
			}
			continue
		}
		t.tally.listed.Add(1)
		d.planObject(p, &seen, w)
	}
}

// extraFile decides about a file that the store does not have.
func (d *downloads) extraFile(f *tree.Entry) (remove bool) {
	t := d.t
	switch {
	case errors.Is(f.Err, tree.ErrRefused):
		return false
	case f.Err != nil && passes(t.o.Filters, f.Path):
		t.partial()
		t.fail("", f.Path, f.Err)
		return false
	case f.Err != nil:
		return false
	}
	return t.o.Delete && !isDir(f.Path) && included(t.o.Filters, f.Path)
}

// planObject decides about one object.
func (d *downloads) planObject(p pair, seen *clashes, w *workers[download]) {
	t := d.t
	if p.path == "" || isDir(p.path) && (!t.o.Preserve && p.obj.Size == 0) {
		return // a marker: the directory comes with its files
	}
	if !included(t.o.Filters, p.path) {
		return
	}
	if err := tree.CheckPath(p.path); err != nil {
		t.refuse(p.obj.Key, p.path, t.refusedKey(p.obj.Key, err), true)
		return
	}
	if with, clash := seen.add(p.path); clash && isDir(p.path) && p.obj.Size == 0 && with == p.path[:len(p.path)-1] {
		return // a directory that was empty once, and is a file now
	} else if clash {
		err := refusal("clashes with " + strconv.Quote(with) + ", which would have to be a directory")
		t.refuse(p.obj.Key, p.path, t.refusedKey(p.obj.Key, err), true)
		return
	}
	if isDir(p.path) && p.obj.Size > 0 {
		t.refuse(p.obj.Key, p.path, t.refusedKey(p.obj.Key, refusal("is a directory's, but has content")), true)
		return
	}
	need, why := t.o.needDown(p.file, *p.obj)
	if !need {
		t.skip(p.obj.Key, p.path, p.obj.Size, why)
		return
	}
	if !d.takes(p) {
		return
	}
	if err := t.o.Space.take(p.obj.Size); err != nil {
		t.halt(err)
		return
	}
	t.o.Progress.Files.Add(1)
	t.o.Progress.Bytes.Add(p.obj.Size)
	if t.o.DryRun {
		t.done(OpDownload, p.obj.Key, p.path, p.obj.Size, why)
		return
	}
	d.planned.Add(1)
	w.add(download{obj: *p.obj, path: p.path, why: why})
}

// run is a worker's job.
func (d *downloads) run(f download) {
	d.t.download(f)
	d.settled.Add(1)
}

// download moves one object, and tells its outcome.
func (t *transfer) download(f download) {
	in := incoming{t: t, download: f}
	size, err := in.move()
	switch {
	case err == nil:
		t.done(OpDownload, f.obj.Key, f.path, size, f.why)
	case f.unlisted && errors.Is(err, store.ErrArchived) && t.leaves(store.Object{Key: f.obj.Key, Archived: true}, f.path):
	case errors.Is(err, tree.ErrLink):
		t.refuse(f.obj.Key, f.path, t.refusedKey(f.obj.Key, fmt.Errorf("%w: %w", ErrRefused, err)), true)
	default:
		t.fail(f.obj.Key, f.path, err)
	}
}

// reconcile makes sure that every object that was to come has had its outcome: that it came, with the size it was
// listed with or a newer version's, or that an error says why not. Anything else is a fault of this package.
func (d *downloads) reconcile() {
	t := d.t
	if want, got := d.planned.Load(), d.settled.Load(); want != got && t.ctx.Err() == nil {
		t.halt(fmt.Errorf("of %d objects to fetch only %d were dealt with", want, got))
	}
}

// deleteFiles removes files that the store does not have, unless anything went wrong before.
func (d *downloads) deleteFiles(gone *pathList) {
	t := d.t
	may := t.mayDelete()
	for p, err := range gone.all() {
		if err != nil {
			t.halt(err)
			return
		}
		if !may || t.ctx.Err() != nil {
			return
		}
		if !t.o.DryRun {
			dir, name := tree.Split(p)
			above, err := t.tree.Dir(dir, false)
			if err == nil {
				err = above.Remove(name)
				above.Release()
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.fail("", p, fmt.Errorf("deleting %s: %w", strconv.Quote(p), tree.Pathless(err)))
				continue
			}
		}
		t.tally.deleted.Add(1)
		t.event(Event{Op: OpDelete, Path: p, Why: "not in the store", Dry: t.o.DryRun})
	}
}
