package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"

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

// errUnsteady is a file that changes whenever it is sent.
var errUnsteady = errors.New("the file changes while it is sent, every time")

// resends is how often a file that changed while it was sent is sent again. The waits between them add up to some three seconds.
const resends = 5

// move moves the file, and returns its size. The file is looked at again after it was sent. One that changed meanwhile is sent again, as
// what was sent may be a mixture that never was there.
func (out *outgoing) move() (int64, error) {
	if isDir(out.path) {
		opts := store.PutOptions{Meta: store.FileMeta(out.file.Mode, out.file.ModTime)}
		_, err := out.t.st.Put(out.t.ctx, out.key, store.Body{}, opts)
		return 0, err
	}
	for try := range resends + 1 {
		if try > 0 {
			out.t.count.Retries.Add(1)
			pause(out.t.ctx, 50*time.Millisecond<<try)
		}
		size, changed, err := out.try()
		switch {
		case out.t.ctx.Err() != nil && err != nil, !changed, out.t.o.Live && err == nil:
			return size, err
		case try > 0 && errors.Is(err, fs.ErrNotExist):
			return 0, err
		}
	}
	return 0, fmt.Errorf("reading %s: %w", strconv.Quote(out.path), errUnsteady)
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// try sends the file once, and reports whether the file changed meanwhile.
func (out *outgoing) try() (size int64, changed bool, err error) {
	f, err := out.t.tree.OpenSource(out.path, out.file.Link)
	if err != nil {
		return 0, false, fmt.Errorf("reading %s: %w", strconv.Quote(out.path), err)
	}
	defer f.Close()
	size, err = out.send(f)
	changed, gone := f.Changed()
	if gone && err == nil { // it was sent as it last was
		changed = false
	}
	return size, changed, err
}

// send sends what is open.
func (out *outgoing) send(f *tree.Source) (int64, error) {
	opts := store.PutOptions{Sent: out.t.moved, ContentType: out.t.o.Manner.contentType(out.path)}
	if out.t.o.Preserve {
		opts.Meta = store.FileMeta(f.Info.Mode, f.Info.ModTime)
	}
	if f.Info.Size > largeBuffer {
		return out.large(f, opts)
	}
	b, back := buffer(f.Info.Size)
	defer back()
	return out.whole(f, b, opts)
}

// large puts a file that is read as it goes. Its parts take slots one by one, so a file that began among many small ones speeds up once
// these are gone. One part can always go: in the slot that this transfer has.
func (out *outgoing) large(f *tree.Source, opts store.PutOptions) (int64, error) {
	opts.Parallel, opts.Slot = 1+extraParts, out.t.partSlots()
	var body io.ReaderAt = f
	if !out.t.o.Live {
		body = steadySource{f}
	}
	_, err := out.t.st.Put(out.t.ctx, out.key, store.Body{At: body, Size: f.Info.Size}, opts)
	var unread *store.BodyError
	if errors.As(err, &unread) {
		err = fmt.Errorf("reading %s: %w", strconv.Quote(out.path), unread.Err)
	}
	return f.Info.Size, err
}

// A steadySource fails once the file is another one than when it was opened. What was read of it until then never becomes an object: of the
// parts of an upload one is read last, and that is late enough to notice any change between two of them.
type steadySource struct{ *tree.Source }

func (s steadySource) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Source.ReadAt(p, off)
	if changed, gone := s.Changed(); err == nil && changed && !gone {
		return 0, errUnsteady
	}
	return n, err
}

// partSlots makes the Slot of one transfer's parts.
func (t *transfer) partSlots() func(context.Context) (release func(), err error) {
	slots := partSlots{lim: t.e.lim, own: make(chan struct{}, 1)}
	slots.own <- struct{}{}
	return slots.acquire
}

// partSlots are those of one transfer's parts: the transfer's own, and what the limiter gives.
type partSlots struct {
	lim *limiter
	own chan struct{}
}

// acquire waits for a slot of either kind.
func (p partSlots) acquire(ctx context.Context) (release func(), err error) {
	back := func() { p.own <- struct{}{} }
	select {
	case <-p.own:
		return back, nil
	default:
	}
	waiting, enough := context.WithCancel(ctx)
	defer enough()
	got := make(chan error, 1)
	go func() { got <- p.lim.acquire(waiting) }()
	select {
	case <-p.own:
		enough()
		if <-got == nil {
			p.lim.release(0)
		}
		return back, nil
	case err := <-got:
		return func() { p.lim.release(0) }, err
	}
}

// whole puts a file that fits into b.
func (out *outgoing) whole(f *tree.Source, b []byte, opts store.PutOptions) (int64, error) {
	read := f.ReadAt
	if !out.t.o.Live {
		read = steadySource{f}.ReadAt
	}
	if _, err := read(b, 0); err != nil { // it became shorter, for instance
		return 0, fmt.Errorf("reading %s: %w", strconv.Quote(out.path), err)
	}
	_, err := out.t.st.Put(out.t.ctx, out.key, store.Body{Bytes: b}, opts)
	return int64(len(b)), err
}

// extraParts is how many parts of one large file may be on their way besides the first.
const extraParts = 7
