package sync

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// errChecksum is content that is not what the store's checksum says.
var errChecksum = errors.New("content does not match the store's checksum")

// Buffers: an object that fits into a small one is verified before a byte of it reaches the disk.
const (
	smallBuffer = 64 << 10
	largeBuffer = 128 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// fetchOnce downloads the object, which must have the tag unless it is "", and returns its size.
func (t *transfer) fetchOnce(f fetch, etag string) (size int64, err error) {
	r, err := t.st.Open(t.ctx, f.obj.Key, store.OpenOptions{ETag: etag})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if etag != "" { // the listing knows the time better than the header
		r.ModTime = f.obj.ModTime
	}
	if isDir(f.path) {
		return 0, t.fetchDir(f, r)
	}
	if r.Size >= 0 {
		if err := t.checkSize(f, r); err != nil {
			return 0, err
		}
	}
	if r.Size >= 0 && r.Size <= smallBuffer {
		return r.Size, t.fetchSmall(f, r)
	}
	err = t.fetchLarge(f, r)
	return r.Size, err
}

// checkSize compares the size of what came, or is to come, with the listing's. An object that was replaced since may have
// another one, as its tag shows; the very object that was listed may not.
func (t *transfer) checkSize(f fetch, r *store.Reader) error {
	if f.unlisted || r.Size == f.obj.Size || f.obj.ETag != "" && r.ETag != "" && r.ETag != f.obj.ETag {
		return nil
	}
	return fmt.Errorf("reading %s: %w: %d bytes are listed, %d came", strconv.Quote(t.st.URL(f.obj.Key)), store.ErrChanged, f.obj.Size, r.Size)
}

func (t *transfer) fetchSmall(f fetch, r *store.Reader) error {
	buf := smallBuffers.Get().(*[smallBuffer]byte)
	defer smallBuffers.Put(buf)
	b := buf[:r.Size]
	if _, err := io.ReadFull(r, b); err != nil {
		return t.readError(f, err)
	}
	if r.Sum.Algorithm != checksum.None && checksum.Of(r.Sum.Algorithm, b) != r.Sum {
		return t.readError(f, errChecksum)
	}
	file, err := t.tree.Create(f.path)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		if _, err := file.Write(b); err != nil {
			file.Abort()
			return err
		}
	}
	t.moved(r.Size)
	return file.Commit(t.attributes(r))
}

func (t *transfer) fetchLarge(f fetch, r *store.Reader) error {
	file, err := t.tree.Create(f.path)
	if err != nil {
		return err
	}
	err = ErrStopped // which a panic leaves
	t.guard(func() {
		if r.Size >= bigSize && r.ETag != "" && (r.Sum.Algorithm == checksum.None || r.Sum.Algorithm.Combines()) {
			err = t.fetchBig(f, r, file)
		} else {
			err = t.fetchStream(f, r, file)
		}
	})
	if err != nil {
		file.Abort()
		return err
	}
	return file.Commit(t.attributes(r))
}

// fetchStream downloads r by its one request, up to its end where the size is not known; then it is.
func (t *transfer) fetchStream(f fetch, r *store.Reader, file *tree.File) error {
	buf := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(buf)
	sum := checksum.New(r.Sum.Algorithm)
	if sum == nil {
		sum = noHash{}
	}
	size := r.Size
	if size < 0 {
		size = math.MaxInt64
	}
	for left := size; left > 0; {
		n, err := fill(r, buf[:min(left, largeBuffer)])
		if n > 0 {
			sum.Write(buf[:n])
			if _, err := file.Write(buf[:n]); err != nil {
				return err
			}
			left -= int64(n)
			t.moved(int64(n))
		}
		if err == io.EOF && r.Size < 0 {
			r.Size = size - left
			if err := t.checkSize(f, r); err != nil {
				return err
			}
			break
		}
		if err != nil && left > 0 {
			return t.readError(f, err)
		}
	}
	if r.Sum.Algorithm != checksum.None && base64.StdEncoding.EncodeToString(sum.Sum(nil)) != r.Sum.Value {
		return t.readError(f, errChecksum)
	}
	return nil
}

// fill reads until p is full: over TLS a read gives one record, which some servers make as small as 4 KiB, and each write
// is a system call. Unlike io.ReadFull it leaves the reader's error as it is.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// noHash stands where there is nothing to verify.
type noHash struct{ hash.Hash }

func (noHash) Write(p []byte) (int, error) { return len(p), nil }

// readError names the object, unless the store has done so.
func (t *transfer) readError(f fetch, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || err == errChecksum {
		return fmt.Errorf("reading %s: %w", strconv.Quote(t.st.URL(f.obj.Key)), err)
	}
	return err
}

// moved counts bytes as they pass.
func (t *transfer) moved(n int64) {
	t.o.Progress.DoneBytes.Add(n)
	t.e.lim.add(n)
}

func (t *transfer) attributes(r *store.Reader) tree.Attributes {
	a := tree.Attributes{ModTime: r.ModTime}
	if t.o.Preserve {
		a.Perm, a.HasPerm = r.Meta.Perm()
		if m, ok := r.Meta.ModTime(); ok {
			a.ModTime = m
		}
		a.Mark = markOf(r.Object, a.ModTime)
	}
	return a
}

// fetchDir makes an empty directory.
func (t *transfer) fetchDir(f fetch, r *store.Reader) error {
	var mod time.Time
	perm, ok := r.Meta.Perm()
	if !ok {
		perm = 0
	}
	if m, ok := r.Meta.ModTime(); ok {
		mod = m
	}
	return t.tree.MakeDir(f.path[:len(f.path)-1], perm, mod)
}
