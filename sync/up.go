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
	w := startWorkers(t, t.upload, func(s send) { t.drop(s.key, s.path) })
	var gone []string
	t.guard(func() {
		if o.Since != nil {
			t.planSince(dirPrefix(prefix), w)
		} else {
			gone = t.planUp(dirPrefix(prefix), w)
		}
	})
	t.cutShort = t.ctx.Err() != nil
	t.o.Progress.Complete.Store(true)
	w.wait()
	t.guard(func() { t.deleteKeys(dirPrefix(prefix), gone) })
	return t.end(ctx)
}

// A send is one file to upload.
type send struct {
	key  string
	path string
	file tree.Entry
	why  string
}

// planUp decides about every file and queues those to send. It returns the keys to delete, without the prefix.
func (t *transfer) planUp(prefix string, w *workers[send]) (gone []string) {
	pairs := merge(t.ctx, orNothing(t.st.List(t.ctx, prefix+narrow(t.o.Filters))), prefix, t.tree.Walk(t.ctx, tree.WalkOptions{NoFollow: t.o.NoFollow}))
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
		if p.file == nil {
			if t.o.Delete && p.path != "" && included(t.o.Filters, p.path) {
				gone = append(gone, p.path)
			}
			continue
		}
		if !t.sendable(prefix, p.file) {
			continue
		}
		need, why := t.o.needUp(p.file, p.obj)
		t.planFile(prefix, p.file, need, why, w)
	}
	return gone
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

// planSince queues what changed since the snapshot.
func (t *transfer) planSince(prefix string, w *workers[send]) {
	for f := range t.tree.Walk(t.ctx, tree.WalkOptions{NoFollow: t.o.NoFollow}) {
		if t.ctx.Err() != nil || !t.sendable(prefix, &f) {
			continue
		}
		need, why := t.o.Since.changed(&f)
		t.planFile(prefix, &f, need, why, w)
	}
}

// sendable filters, and accounts for what cannot be sent.
func (t *transfer) sendable(prefix string, f *tree.Entry) bool {
	if isDir(f.Path) && !t.o.Preserve && f.Err == nil || !included(t.o.Filters, f.Path) {
		return false
	}
	t.listed.Add(1)
	if f.Err == nil {
		if err := checkKey(prefix + f.Path); err != nil {
			f.Err = fmt.Errorf("file %s %w", strconv.Quote(f.Path), err)
		}
	}
	switch {
	case errors.Is(f.Err, ErrRefused):
		t.refuse(prefix+f.Path, f.Path, f.Err, false)
		t.partial()
		return false
	case f.Err != nil:
		t.partial()
		t.fail(prefix+f.Path, f.Path, f.Err)
		return false
	}
	return true
}

func (t *transfer) planFile(prefix string, f *tree.Entry, need bool, why string, w *workers[send]) {
	key := prefix + f.Path
	if !need {
		t.skip(key, f.Path, f.Size, why)
		return
	}
	t.o.Progress.Files.Add(1)
	t.o.Progress.Bytes.Add(f.Size)
	if t.o.DryRun {
		t.done(OpUpload, key, f.Path, f.Size, why)
		return
	}
	w.add(send{key: key, path: f.Path, file: *f, why: why})
}

// upload is a worker's job.
func (t *transfer) upload(s send) {
	size, err := t.send(s)
	if err != nil {
		t.fail(s.key, s.path, err)
		return
	}
	t.done(OpUpload, s.key, s.path, size, s.why)
}

// send puts one file.
func (t *transfer) send(s send) (int64, error) {
	opts := store.PutOptions{Sent: t.moved}
	if isDir(s.path) {
		opts.Meta = store.FileMeta(s.file.Mode, s.file.ModTime)
		_, err := t.st.Put(t.ctx, s.key, store.Body{}, opts)
		return 0, err
	}
	f, err := t.tree.OpenSource(s.path, s.file.Link)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", strconv.Quote(s.path), err)
	}
	defer f.Close()
	if t.o.Preserve {
		opts.Meta = store.FileMeta(f.Info.Mode, f.Info.ModTime)
	}
	switch size := f.Info.Size; {
	case size <= smallBuffer:
		buf := smallBuffers.Get().(*[smallBuffer]byte)
		defer smallBuffers.Put(buf)
		return t.sendBytes(s, f, buf[:size], opts)
	case size <= largeBuffer:
		buf := largeBuffers.Get().(*[largeBuffer]byte)
		defer largeBuffers.Put(buf)
		return t.sendBytes(s, f, buf[:size], opts)
	}
	return t.sendLarge(s, f, opts)
}

// sendLarge puts a file that is read as it goes.
func (t *transfer) sendLarge(s send, f *tree.Source, opts store.PutOptions) (int64, error) {
	extra := t.e.lim.tryAcquire(extraParts)
	defer func() {
		for range extra {
			t.e.lim.release(0)
		}
	}()
	opts.Parallel = 1 + extra
	_, err := t.st.Put(t.ctx, s.key, store.Body{At: f, Size: f.Info.Size}, opts)
	var own *store.BodyError
	if errors.As(err, &own) {
		err = fmt.Errorf("reading %s: %w", strconv.Quote(s.path), own.Err)
	}
	return f.Info.Size, err
}

// sendBytes puts a file that fits into b.
func (t *transfer) sendBytes(s send, f *tree.Source, b []byte, opts store.PutOptions) (int64, error) {
	if _, err := f.ReadAt(b, 0); err != nil { // it became shorter; a file that grows is sent as it was
		return 0, fmt.Errorf("reading %s: %w", strconv.Quote(s.path), err)
	}
	_, err := t.st.Put(t.ctx, s.key, store.Body{Bytes: b}, opts)
	return int64(len(b)), err
}

// extraParts is how many parts of one large file may be on their way besides the first.
const extraParts = 7

// deleteKeys removes objects that the tree does not have, unless anything went wrong before.
func (t *transfer) deleteKeys(prefix string, paths []string) {
	t.mu.Lock()
	stop := t.incomplete || t.fatal != nil || t.failed.Load() > 0
	t.mu.Unlock()
	for len(paths) > 0 && !stop && t.ctx.Err() == nil {
		n := min(len(paths), 1000)
		keys := make([]string, n)
		for i, p := range paths[:n] {
			keys[i] = prefix + p
		}
		var failed *store.DeleteError
		if !t.o.DryRun {
			if err := t.st.Delete(t.ctx, keys); errors.As(err, &failed) {
			} else if err != nil {
				t.halt(err)
				return
			}
		}
		for i, k := range keys {
			if failed != nil && failed.Keys[k] != nil {
				t.fail(k, paths[i], failed.Keys[k])
				continue
			}
			t.deleted.Add(1)
			t.event(Event{Op: OpDelete, Key: k, Path: paths[i], Why: "not in the tree", Dry: t.o.DryRun})
		}
		paths = paths[n:]
	}
}
