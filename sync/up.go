package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// Up makes the store hold under prefix what the tree root has. With Options.Since it sends what is new or changed since
// then, does not look at the destination, and deletes nothing.
func (e *Engine) Up(ctx context.Context, root *os.Root, st store.Store, prefix string, o Options) (Stats, error) {
	t := e.begin(ctx, st, root, o)
	w := startWorkers(t, t.upload, func(f upload) { t.drop(f.key, f.path) })
	u := &uploads{t: t, prefix: dirPrefix(prefix), w: w}
	gone := new(pathList)
	defer gone.close()
	t.guard(func() {
		if o.Since != nil {
			u.planSince()
		} else {
			u.plan(gone)
		}
	})
	t.cutShort = t.ctx.Err() != nil
	t.o.Progress.Complete.Store(true)
	w.wait()
	t.guard(func() { u.deleteKeys(gone) })
	t.guard(u.sweep)
	return t.end(ctx)
}

// An upload is one file that is to go.
type upload struct {
	key  string
	path string
	file tree.Entry
	why  string
}

// uploads decide what Up moves.
type uploads struct {
	t      *transfer
	prefix string // of the keys
	w      *workers[upload]
	large  bool // a file is sent that may have been sent in parts before
}

// plan decides about every file and queues those to send. It adds the keys to delete, without the prefix, to gone.
func (u *uploads) plan(gone *pathList) {
	t := u.t
	there := orNothing(t.st.List(t.ctx, u.prefix+narrow(t.o.Filters)))
	if t.o.Manner.Always {
		there = nothing // nobody asks what is there
	}
	pairs := merge(t.ctx, there, u.prefix, t.tree.Walk(t.ctx, tree.WalkOptions{NoFollow: t.o.NoFollow}))
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
		if p.file == nil {
			if t.o.Delete && p.path != "" && included(t.o.Filters, p.path) {
				gone.add(p.path)
			}
			continue
		}
		if !u.sendable(p.file) {
			continue
		}
		need, why := t.o.needUp(p.file, p.obj)
		u.planFile(p.file, need, why)
	}
}

// orNothing is a listing of a destination, where a directory that is yet to be made is as good as an empty one.
func orNothing(list iter.Seq2[store.Object, error]) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for o, err := range list {
			if errors.Is(err, store.ErrNotExist) || !yield(o, err) {
				return
			}
		}
	}
}

// nothing is the listing of an empty store.
func nothing(func(store.Object, error) bool) {}

// planSince queues what changed since the snapshot.
func (u *uploads) planSince() {
	t := u.t
	for f := range t.tree.Walk(t.ctx, tree.WalkOptions{NoFollow: t.o.NoFollow}) {
		if t.ctx.Err() != nil || !u.sendable(&f) {
			continue
		}
		need, why := t.o.Since.changed(&f)
		u.planFile(&f, need, why)
	}
}

// sendable filters, and accounts for what cannot be sent.
func (u *uploads) sendable(f *tree.Entry) bool {
	t := u.t
	if isDir(f.Path) && !t.o.Preserve && f.Err == nil || !passes(t.o.Filters, f.Path) || f.Err == nil && !included(t.o.Filters, f.Path) {
		return false
	}
	t.tally.listed.Add(1)
	if f.Err == nil {
		if err := checkKey(u.prefix + f.Path); err != nil {
			f.Err = fmt.Errorf("file %s %w", strconv.Quote(f.Path), err)
			if isDir(f.Path) { // an empty one, in which nothing is lost
				f.Err = fmt.Errorf("%w: directory %s: %v", ErrRefused, strconv.Quote(f.Path), err)
			}
		}
	}
	switch {
	case errors.Is(f.Err, ErrRefused):
		t.refuse(u.prefix+f.Path, f.Path, f.Err, errors.Is(f.Err, tree.ErrUnstorable))
		t.partial()
		return false
	case f.Err != nil:
		t.partial()
		t.fail(u.prefix+f.Path, f.Path, f.Err)
		return false
	}
	return true
}

// planFile queues one file, where it needs to be sent.
func (u *uploads) planFile(f *tree.Entry, need bool, why string) {
	t, key := u.t, u.prefix+f.Path
	if !need {
		t.skip(key, f.Path, f.Size, why)
		return
	}
	u.large = u.large || f.Size >= partsPossible
	if err := t.o.Budget.Take(f.Size); err != nil {
		t.partial()
		t.fail(key, f.Path, err)
		return
	}
	t.o.Progress.Files.Add(1)
	t.o.Progress.Bytes.Add(f.Size)
	if t.o.DryRun {
		t.done(OpUpload, key, f.Path, f.Size, why)
		return
	}
	u.w.add(upload{key: key, path: f.Path, file: *f, why: why})
}

// deleteKeys removes objects that the tree does not have, unless anything went wrong before.
func (u *uploads) deleteKeys(gone *pathList) {
	deleteAt(u.t, u.t.st, u.prefix, gone, "not in the tree")
}

// deleteAt removes the paths below a prefix of a store, unless anything went wrong before.
func deleteAt(t *transfer, st store.Store, prefix string, gone *pathList, why string) {
	may := t.mayDelete()
	for paths, err := range gone.chunks(maxDelete) {
		if err != nil {
			t.halt(err)
			return
		}
		if !may || t.ctx.Err() != nil || !deleteSome(t, st, prefix, paths, why) {
			return
		}
	}
}

// maxDelete is how many keys are removed at once: as many as one request of S3 takes.
const maxDelete = 1000

// deleteSome reports whether to go on.
func deleteSome(t *transfer, st store.Store, prefix string, paths []string, why string) bool {
	keys := make([]string, len(paths))
	for i, p := range paths {
		keys[i] = prefix + p
	}
	var failed *store.DeleteError
	if !t.o.DryRun {
		if err := st.Delete(t.ctx, keys); errors.As(err, &failed) {
		} else if err != nil {
			t.halt(err)
			return false
		}
	}
	for i, k := range keys {
		if failed != nil && failed.Keys[k] != nil {
			t.fail(k, paths[i], failed.Keys[k])
			continue
		}
		t.tally.deleted.Add(1)
		t.event(Event{Op: OpDelete, Key: k, Path: paths[i], Why: why, Dry: t.o.DryRun})
	}
	return true
}
