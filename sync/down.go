package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// Down makes the tree root hold what the store has under prefix. A prefix is a directory: "in" is "in/". It returns
// what was done also beside an error; errors of several files are joined.
func (e *Engine) Down(ctx context.Context, st store.Store, prefix string, root *os.Root, o Options) (Stats, error) {
	t := e.begin(ctx, st, root, o)
	w := startWorkers(t, t.download, func(f fetch) { t.drop(f.obj.Key, f.path) })
	var gone []string
	t.guard(func() { gone = t.planDown(dirPrefix(prefix), w) })
	t.cutShort = t.ctx.Err() != nil
	w.wait()
	t.guard(func() {
		t.reconcile()
		t.deleteFiles(gone)
	})
	return t.end(ctx)
}

// A fetch is one object to download.
type fetch struct {
	obj  store.Object
	path string
	why  string

	unlisted bool // of obj only the key is known
}

// planDown decides about every object and queues those to fetch. It returns the files to delete.
func (t *transfer) planDown(prefix string, w *workers[fetch]) (gone []string) {
	defer t.o.Progress.Complete.Store(true)
	var seen clashes
	pairs := merge(t.ctx, t.st.List(t.ctx, prefix+narrow(t.o.Filters)), prefix, t.tree.Walk(t.ctx, tree.WalkOptions{NoFollow: t.o.NoFollow}))
	for p, err := range pairs {
		if err != nil {
			t.partial()
			t.halt(err)
			return nil
		}
		if t.ctx.Err() != nil {
			t.partial()
			return nil
		}
		if p.obj == nil {
			if t.extraFile(p.file) {
				gone = append(gone, p.path)
			}
			continue
		}
		t.listed.Add(1)
		t.planObject(p, &seen, w)
	}
	return gone
}

// extraFile decides about a file that the store does not have.
func (t *transfer) extraFile(f *tree.Entry) (remove bool) {
	switch {
	case errors.Is(f.Err, tree.ErrRefused):
		return false
	case f.Err != nil:
		t.partial()
		t.fail("", f.Path, f.Err)
		return false
	}
	return t.o.Delete && !isDir(f.Path) && included(t.o.Filters, f.Path)
}

func (t *transfer) planObject(p pair, seen *clashes, w *workers[fetch]) {
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
	if with, clash := seen.add(p.path); clash {
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
	t.planned.Add(1)
	w.add(fetch{obj: *p.obj, path: p.path, why: why})
}

func (t *transfer) refusedKey(key string, err error) error {
	return fmt.Errorf("key %s %w", strconv.Quote(t.st.URL(key)), err)
}

// done counts a file that was moved, or would have been.
func (t *transfer) done(op Op, key, path string, size int64, why string) {
	t.files.Add(1)
	t.bytes.Add(size)
	t.o.Progress.DoneFiles.Add(1)
	if t.o.Event != nil {
		t.event(Event{Op: op, Key: key, Path: path, Size: size, Why: why, Dry: t.o.DryRun})
	}
}

// download is a worker's job.
func (t *transfer) download(f fetch) {
	size, err := t.fetch(f)
	t.settled.Add(1)
	switch {
	case err == nil:
		t.done(OpDownload, f.obj.Key, f.path, size, f.why)
	case errors.Is(err, tree.ErrLink):
		t.refuse(f.obj.Key, f.path, t.refusedKey(f.obj.Key, fmt.Errorf("%w: %w", ErrRefused, err)), true)
	default:
		t.fail(f.obj.Key, f.path, err)
	}
}

// rereads is how often a download is made again from the beginning. On a line that garbles one answer in five, one file in
// some three thousand still fails.
const rereads = 4

// fetch gets one object. A download that does not match its checksum, or whose object was replaced, is made again, of
// whatever the object is by then; in the end it is an error.
func (t *transfer) fetch(f fetch) (int64, error) {
	size, err := t.fetchOnce(f, f.obj.ETag)
	for try := 0; try < rereads && (errors.Is(err, store.ErrChanged) || errors.Is(err, errChecksum)); try++ {
		t.count.Retries.Add(1)
		size, err = t.fetchOnce(f, "")
	}
	return size, err
}

// deleteFiles removes files that the store does not have, unless anything went wrong before.
func (t *transfer) deleteFiles(paths []string) {
	t.mu.Lock()
	stop := t.incomplete || t.fatal != nil || t.failed.Load() > 0
	t.mu.Unlock()
	for _, p := range paths {
		if stop || t.ctx.Err() != nil {
			return
		}
		if !t.o.DryRun {
			dir, name := tree.Split(p)
			d, err := t.tree.Dir(dir, false)
			if err == nil {
				err = d.Remove(name)
				d.Release()
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.fail("", p, fmt.Errorf("deleting %s: %w", strconv.Quote(p), tree.Pathless(err)))
				continue
			}
		}
		t.deleted.Add(1)
		t.event(Event{Op: OpDelete, Path: p, Why: "not in the store", Dry: t.o.DryRun})
	}
}
