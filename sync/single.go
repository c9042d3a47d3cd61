package sync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// DownFile downloads one object to the path name in root, by one GET (and those of helpers where it is large), no HEAD and
// no listing; directories above it are made. It is what `aws s3 cp` does with one object. What Down promises of a file
// holds: verified, at once and whole, with its attributes under Preserve, counted and told. Where there is no object of that
// key, also where the key is a directory's, the error is store.ErrNotExist. The file is always downloaded: Filters
// and what is compared do not count.
func (e *Engine) DownFile(ctx context.Context, st store.Store, key string, root *os.Root, name string, o Options) (Stats, error) {
	t := e.begin(ctx, st, root, o)
	t.tally.listed.Add(1)
	if err := tree.CheckPath(name); err != nil || isDir(name) {
		if err == nil {
			err = refusal("is a directory's")
		}
		t.refuse(key, name, fmt.Errorf("path %s %w", strconv.Quote(name), err), true)
		return t.end(ctx)
	}
	t.o.Progress.Files.Add(1)
	t.o.Progress.Complete.Store(true)
	f := download{obj: store.Object{Key: key}, path: name, why: "asked for", unlisted: true}
	if o.DryRun {
		if _, err := stat(t.ctx, st, key); err != nil {
			t.fail(key, name, err)
			return t.end(ctx)
		}
		t.done(OpDownload, key, name, 0, f.why)
		return t.end(ctx)
	}
	if err := e.lim.acquire(t.ctx); err != nil {
		t.fail(key, name, err)
		return t.end(ctx)
	}
	t.guard(func() { t.download(f) })
	e.lim.release(1)
	return t.end(ctx)
}

// UpFile sends one file. A symlink is followed within root.
func (e *Engine) UpFile(ctx context.Context, root *os.Root, name string, st store.Store, key string, o Options) (Stats, error) {
	t := e.begin(ctx, st, root, o)
	t.tally.listed.Add(1)
	if err := checkKey(key); err != nil {
		t.refuse(key, name, fmt.Errorf("file %s %w", strconv.Quote(name), err), true)
		return t.end(ctx)
	}
	info, err := root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	if err != nil {
		t.fail(key, name, fmt.Errorf("reading %s: %w", strconv.Quote(name), tree.Pathless(err)))
		return t.end(ctx)
	}
	t.o.Progress.Files.Add(1)
	t.o.Progress.Bytes.Add(info.Size())
	t.o.Progress.Complete.Store(true)
	f := upload{key: key, path: name, file: tree.Entry{Path: name, Link: true}, why: "asked for"}
	if o.DryRun {
		t.done(OpUpload, key, name, info.Size(), f.why)
		return t.end(ctx)
	}
	if err := e.lim.acquire(t.ctx); err != nil {
		t.fail(key, name, err)
		return t.end(ctx)
	}
	t.guard(func() { t.upload(f) })
	e.lim.release(1)
	return t.end(ctx)
}
