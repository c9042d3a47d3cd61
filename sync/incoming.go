package sync

import (
	"bytes"
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

// errDigest is content that is not what the caller says it is.
var errDigest = errors.New("content does not match the digest in its URL")

// Buffers: an object that fits into a small one is verified before a byte of it reaches the disk. Most files are tiny, and with many transfers
// at once their buffers are most of the memory.
const (
	tinyBuffer  = 16 << 10
	smallBuffer = 64 << 10
	largeBuffer = 128 << 10
)

var (
	tinyBuffers  = sync.Pool{New: func() any { return new([tinyBuffer]byte) }}
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// buffer is one of n bytes, up to largeBuffer; back gives it back.
func buffer(n int64) (b []byte, back func()) {
	switch {
	case n <= tinyBuffer:
		p := tinyBuffers.Get().(*[tinyBuffer]byte)
		return p[:n], func() { tinyBuffers.Put(p) }
	case n <= smallBuffer:
		p := smallBuffers.Get().(*[smallBuffer]byte)
		return p[:n], func() { smallBuffers.Put(p) }
	}
	p := largeBuffers.Get().(*[largeBuffer]byte)
	return p[:n], func() { largeBuffers.Put(p) }
}

// incoming is one object on its way from the store into the tree.
type incoming struct {
	t *transfer
	download
	hasRoom bool         // Space has room for it
	other   checksum.Sum // of the last read, where the tag was another
}

// rereads is how often a download is made again from the beginning. On a line that garbles one answer in five, one file in
// some three thousand still fails.
const rereads = 4

// move moves the object, and returns its size. A download that does not match its checksum, or whose object was replaced,
// is made again, of whatever the object is by then; in the end it is an error.
func (in *incoming) move() (int64, error) {
	size, err := in.try(in.obj.ETag)
	for try := 0; try < rereads && (errors.Is(err, store.ErrChanged) || errors.Is(err, errChecksum) || try == 0 && errors.Is(err, errDigest)); try++ {
		in.t.count.Retries.Add(1)
		size, err = in.try("")
	}
	return size, err
}

// try downloads the object, which must have the tag unless it is "", and returns its size.
func (in *incoming) try(etag string) (size int64, err error) {
	r, err := in.t.st.Open(in.t.ctx, in.obj.Key, store.OpenOptions{ETag: etag})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if etag != "" { // the listing knows the time better than the header
		r.ModTime = in.obj.ModTime
	}
	if isDir(in.path) {
		return 0, in.makeDir(r)
	}
	if in.unlisted && !in.hasRoom && r.Size > 0 { // what a listing tells, the plan has looked at
		if err := in.t.o.Space.take(r.Size); err != nil {
			return 0, err
		}
		in.hasRoom = true
	}
	if r.Size >= 0 {
		if err := in.checkSize(r); err != nil {
			return 0, err
		}
	}
	if r.Size >= 0 && r.Size <= smallBuffer {
		return r.Size, in.small(r)
	}
	err = in.large(r)
	return r.Size, err
}

// checkSize compares the size of what came, or is to come, with the listing's. An object that was replaced since may have
// another one, as its tag shows; the very object that was listed may not.
func (in *incoming) checkSize(r *store.Reader) error {
	if in.unlisted || r.Size == in.obj.Size || in.obj.ETag != "" && r.ETag != "" && r.ETag != in.obj.ETag {
		return nil
	}
	return fmt.Errorf("reading %s: %w: %d bytes are listed, %d came", strconv.Quote(in.t.st.URL(in.obj.Key)), store.ErrChanged, in.obj.Size, r.Size)
}

func (in *incoming) small(r *store.Reader) error {
	b, back := buffer(r.Size)
	defer back()
	if _, err := io.ReadFull(r, b); err != nil {
		return in.readError(err)
	}
	if r.Sum.Algorithm != checksum.None && checksum.Of(r.Sum.Algorithm, b) != r.Sum {
		return in.readError(mismatch(r))
	}
	how, err := in.late(r, bytes.NewReader(b))
	if err == nil {
		err = steady(r)
	}
	if err != nil {
		return err
	}
	file, err := in.create(r)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		if _, err := file.Write(b); err != nil {
			file.Abort()
			return err
		}
	}
	in.t.moved(r.Size)
	return in.commit(file, r, how)
}

func (in *incoming) large(r *store.Reader) error {
	file, err := in.create(r)
	if err != nil {
		return err
	}
	how := ""
	err = ErrStopped // which a panic leaves
	in.t.guard(func() {
		if r.Size >= bigSize && r.ETag != "" && !r.Extra.Whole {
			err = in.helped(r, file)
			if err == nil && r.Sum.Algorithm != checksum.None && !r.Sum.Algorithm.Combines() {
				err = in.afterwards(r, file)
			}
		} else {
			err = in.stream(r, file)
		}
		if err == nil {
			how, err = in.late(r, file)
		}
		if err == nil {
			err = steady(r)
		}
	})
	if err != nil {
		file.Abort()
		return err
	}
	return in.commit(file, r, how)
}

// commit gives the file its name, and counts how it was verified.
func (in *incoming) commit(file *tree.File, r *store.Reader, how string) error {
	if err := file.Commit(in.attributes(r)); err != nil {
		return err
	}
	in.t.verified.add(how)
	return nil
}

// late verifies content that has come by what is no checksum of the whole, and says how the content was verified, that way or before.
func (in *incoming) late(r *store.Reader, content io.ReaderAt) (how string, err error) {
	switch {
	case r.Sum.Algorithm != checksum.None:
		return string(r.Sum.Algorithm), nil
	case r.Parts.PartSize > 0:
		sum, err := r.Parts.OfReader(content, r.Size)
		if err == nil && sum != r.Parts.Sum && r.PartSizes != nil { // the parts may not be what they seemed to be
			r.Parts.Sizes = r.PartSizes()
			sum, err = r.Parts.OfReader(content, r.Size)
		}
		if err == nil && sum != r.Parts.Sum {
			err = in.readError(errChecksum)
		}
		return string(sum.Algorithm) + " of parts", err
	case r.Likely.Algorithm != checksum.None:
		sum, err := checksum.OfReader(r.Likely.Algorithm, content, r.Size)
		switch {
		case err != nil:
			return "", err
		case sum == r.Likely:
			return "etag", nil
		case sum == in.other: // read twice, and the same both times: the tag is no MD5
			return unverified, nil
		}
		in.other = sum
		return "", in.readError(errChecksum)
	case r.Unknown != "":
		return unverified + " (" + r.Unknown + ")", nil
	}
	return unverified, nil
}

// unverified is what the store has nothing for that could verify it.
const unverified = "unverified"

func steady(r *store.Reader) error {
	if r.Steady == nil {
		return nil
	}
	return r.Steady()
}

// stream downloads r by its one request, up to its end where the size is not known; then it is.
func (in *incoming) stream(r *store.Reader, file *tree.File) error {
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
			if r.Size < 0 && in.unlisted {
				if err := in.t.o.Space.take(int64(n)); err != nil {
					return err
				}
			}
			if _, err := file.Write(buf[:n]); err != nil {
				return err
			}
			left -= int64(n)
			in.t.moved(int64(n))
		}
		if err == io.EOF && r.Size < 0 {
			r.Size = size - left
			if err := in.checkSize(r); err != nil {
				return err
			}
			break
		}
		if err != nil && left > 0 {
			return in.readError(err)
		}
	}
	if r.Sum.Algorithm != checksum.None && base64.StdEncoding.EncodeToString(sum.Sum(nil)) != r.Sum.Value {
		return in.readError(mismatch(r))
	}
	return nil
}

// afterwards verifies a file that came in pieces by a sum that cannot be made of theirs.
func (in *incoming) afterwards(r *store.Reader, file *tree.File) error {
	sum, err := checksum.OfReader(r.Sum.Algorithm, file, r.Size)
	if err == nil && sum != r.Sum {
		err = in.readError(mismatch(r))
	}
	return err
}

// mismatch is the error of content that does not match Sum.
func mismatch(r *store.Reader) error {
	if r.Extra.Given {
		return errDigest
	}
	return errChecksum
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
func (in *incoming) readError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || err == errChecksum || err == errDigest {
		return fmt.Errorf("reading %s: %w", strconv.Quote(in.t.st.URL(in.obj.Key)), err)
	}
	return err
}

// create begins the file. One whose permissions are kept is nobody else's until it has them.
func (in *incoming) create(r *store.Reader) (*tree.File, error) {
	_, private := r.Meta.Perm()
	return in.t.tree.Create(in.path, private && in.t.o.Preserve)
}

func (in *incoming) attributes(r *store.Reader) tree.Attributes {
	a := tree.Attributes{ModTime: r.ModTime}
	if in.t.o.Preserve {
		a.Perm, a.HasPerm = r.Meta.Perm()
		if m, ok := r.Meta.ModTime(); ok {
			a.ModTime = m
		}
		a.Mark = markOf(r.Object, a.ModTime)
	}
	return a
}

// makeDir makes an empty directory.
func (in *incoming) makeDir(r *store.Reader) error {
	var mod time.Time
	perm, ok := r.Meta.Perm()
	if !ok {
		perm = 0
	}
	if m, ok := r.Meta.ModTime(); ok {
		mod = m
	}
	return in.t.tree.MakeDir(in.path[:len(in.path)-1], perm, mod)
}
