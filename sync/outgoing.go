package sync

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// upload is a worker's job: it moves one file, and tells its outcome.
func (t *transfer) upload(f upload) {
	out := outgoing{t, f}
	size, err := out.move()
	if err != nil {
		t.fail(f.key, f.path, err)
		return
	}
	t.done(OpUpload, f.key, f.path, size, f.why)
}

// outgoing is one file on its way from the tree into the store.
type outgoing struct {
	t *transfer
	upload
}

// move moves the file, and returns its size.
func (out *outgoing) move() (int64, error) {
	opts := store.PutOptions{Sent: out.t.moved}
	if isDir(out.path) {
		opts.Meta = store.FileMeta(out.file.Mode, out.file.ModTime)
		_, err := out.t.st.Put(out.t.ctx, out.key, store.Body{}, opts)
		return 0, err
	}
	f, err := out.t.tree.OpenSource(out.path, out.file.Link)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", strconv.Quote(out.path), err)
	}
	defer f.Close()
	opts.ContentType = out.t.o.Manner.contentType(out.path)
	if out.t.o.Preserve {
		opts.Meta = store.FileMeta(f.Info.Mode, f.Info.ModTime)
	}
	switch size := f.Info.Size; {
	case size <= smallBuffer:
		buf := smallBuffers.Get().(*[smallBuffer]byte)
		defer smallBuffers.Put(buf)
		return out.whole(f, buf[:size], opts)
	case size <= largeBuffer:
		buf := largeBuffers.Get().(*[largeBuffer]byte)
		defer largeBuffers.Put(buf)
		return out.whole(f, buf[:size], opts)
	}
	return out.large(f, opts)
}

// large puts a file that is read as it goes.
func (out *outgoing) large(f *tree.Source, opts store.PutOptions) (int64, error) {
	extra := out.t.e.lim.tryAcquire(extraParts)
	defer func() {
		for range extra {
			out.t.e.lim.release(0)
		}
	}()
	opts.Parallel = 1 + extra
	_, err := out.t.st.Put(out.t.ctx, out.key, store.Body{At: f, Size: f.Info.Size}, opts)
	var own *store.BodyError
	if errors.As(err, &own) {
		err = fmt.Errorf("reading %s: %w", strconv.Quote(out.path), own.Err)
	}
	return f.Info.Size, err
}

// whole puts a file that fits into b.
func (out *outgoing) whole(f *tree.Source, b []byte, opts store.PutOptions) (int64, error) {
	if _, err := f.ReadAt(b, 0); err != nil { // it became shorter; a file that grows is sent as it was
		return 0, fmt.Errorf("reading %s: %w", strconv.Quote(out.path), err)
	}
	_, err := out.t.st.Put(out.t.ctx, out.key, store.Body{Bytes: b}, opts)
	return int64(len(b)), err
}

// extraParts is how many parts of one large file may be on their way besides the first.
const extraParts = 7
