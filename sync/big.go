package sync

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// A large object is read by one request from its beginning, whose answer brings metadata and checksum, too. While slots
// are free, helpers take pieces off its end by range requests, until both meet. So there is no request more than pays,
// one stream is all there is where many files move anyway, and no object is too large to be fast.
// Tests make them smaller.
var (
	// bigSize is where helpers begin to pay, in bytes.
	bigSize int64 = 32 << 20
	// pieceSize is what a helper takes at once: long enough that its request costs nothing.
	pieceSize int64 = 16 << 20
)

// maxHelpers of one object.
const maxHelpers = 15

// A big is a large download on its way.
type big struct {
	in   incoming
	r    *store.Reader
	file *tree.File
	ctx  context.Context
	stop context.CancelCauseFunc
	more context.Context // done once no helper is wanted any more

	writing sync.Mutex

	mu     sync.Mutex
	front  int64 // where the first stream is
	back   int64 // where the helpers' pieces begin
	pieces []piece
}

// A piece is a part with its CRC.
type piece struct {
	off, n int64
	crc    uint64
}

// helped downloads r, whose reading has begun, with helpers. file is aborted on error.
func (in *incoming) helped(r *store.Reader, file *tree.File) error {
	b := &big{in: *in, r: r, file: file, back: r.Size}
	b.ctx, b.stop = context.WithCancelCause(in.t.ctx)
	defer b.stop(nil)
	more, enough := context.WithCancel(b.ctx)
	b.more = more
	var wg sync.WaitGroup
	for range min(maxHelpers, int(r.Size/pieceSize)-1) {
		wg.Go(b.help)
	}
	first, err := piece{}, ErrStopped // which a panic leaves
	in.t.guard(func() { first, err = b.run() })
	if err != nil {
		b.stop(err)
	}
	enough() // who still waits for a slot would wait for this transfer's own
	wg.Wait()
	if cause := context.Cause(b.ctx); cause != nil {
		return cause
	}
	return b.verify(first)
}

// run reads from the beginning until the pieces are met.
func (b *big) run() (first piece, err error) {
	buf := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(buf)
	for {
		b.mu.Lock()
		n := min(largeBuffer, b.back-b.front)
		b.front += n
		b.mu.Unlock()
		if n == 0 {
			return first, nil
		}
		if err := b.copy(&first, b.r, buf, n); err != nil {
			return first, err
		}
	}
}

// copy moves n bytes from r to the end of p.
func (b *big) copy(p *piece, r *store.Reader, buf *[largeBuffer]byte, n int64) error {
	for end := p.n + n; p.n < end; {
		if b.ctx.Err() != nil {
			return context.Cause(b.ctx)
		}
		n, err := fill(r, buf[:min(end-p.n, largeBuffer)])
		if n > 0 {
			p.crc = checksum.Update(b.r.Sum.Algorithm, p.crc, buf[:n])
			if err := b.write(buf[:n], p.off+p.n); err != nil {
				return err
			}
			p.n += int64(n)
			b.in.t.moved(int64(n))
		}
		if err != nil && p.n < end {
			return b.in.readError(err)
		}
	}
	return nil
}

// write writes at off, one at a time: the kernel lets only one in anyway, and has the others spin on their processors
// until it is their turn (8 of 100 samples of perf were in rwsem_spin_on_owner).
func (b *big) write(p []byte, off int64) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	_, err := b.file.WriteAt(p, off)
	return err
}

// help takes pieces while there are slots for it.
func (b *big) help() {
	lim := b.in.t.e.lim
	for b.worth() && lim.acquireIdle(b.more) == nil {
		p := b.take()
		err := error(nil)
		if p.n > 0 {
			b.in.t.guard(func() { err = b.get(p) })
		}
		lim.release(0)
		if err != nil {
			b.stop(err)
		}
		if p.n == 0 || err != nil {
			return
		}
	}
}

// worth says whether a piece can be taken before the first stream is there.
func (b *big) worth() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.back-b.front >= 2*pieceSize
}

// take takes a piece off the end; it is empty when the first stream will be there soon.
func (b *big) take() piece {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.back-b.front < 2*pieceSize {
		return piece{}
	}
	n := pieceSize
	if rest := b.back % pieceSize; rest > 0 { // later pieces are aligned
		n = rest
	}
	b.back -= n
	return piece{off: b.back, n: n}
}

// get downloads a piece.
func (b *big) get(p piece) error {
	r, err := b.in.t.st.Open(b.ctx, b.in.obj.Key, store.OpenOptions{ETag: b.r.ETag, Off: p.off, Len: p.n})
	if err != nil {
		return err
	}
	defer r.Close()
	buf := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(buf)
	got := piece{off: p.off}
	if err := b.copy(&got, r, buf, p.n); err != nil {
		return err
	}
	b.mu.Lock()
	b.pieces = append(b.pieces, got)
	b.mu.Unlock()
	return nil
}

// verify puts the CRCs together.
func (b *big) verify(whole piece) error {
	if !b.r.Sum.Algorithm.Combines() { // else it is verified once all is there
		return nil
	}
	slices.SortFunc(b.pieces, func(x, y piece) int { return cmp.Compare(x.off, y.off) })
	for _, p := range b.pieces {
		whole.crc = checksum.Combine(b.r.Sum.Algorithm, whole.crc, p.crc, p.n)
		whole.n += p.n
	}
	if checksum.FromCRC(b.r.Sum.Algorithm, whole.crc) != b.r.Sum {
		return b.in.readError(errChecksum)
	}
	return nil
}
