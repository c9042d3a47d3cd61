package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Limits of a blob in blocks.
// https://learn.microsoft.com/rest/api/storageservices/understanding-block-blobs--append-blobs--and-page-blobs
const (
	maxBlocks = 50000
	maxBlock  = 4000 << 20
)

// blockSize is the size of the blocks of a blob of so many bytes.
func (s *Store) blockSize(n int64) int64 {
	size := s.blocks.size
	if least := n/(maxBlocks-1) + 1; size < least {
		size = (least + 1<<20 - 1) &^ (1<<20 - 1)
	}
	return min(size, maxBlock)
}

// An upload is a blob on its way in blocks. Nobody sees it before it is committed, and the service drops after a week what never was.
type upload struct {
	s      *Store
	key    string
	o      store.PutOptions
	prefix [idBytes - 4]byte // of the blocks' ids, so that those of two uploads of one blob do not mix
}

// idBytes is the length of a block's id before base64: all ids of a blob must be as long, those of another client's unfinished upload
// included. Azure's own clients use a UUID's text with a number behind it, of 48 bytes.
const idBytes = 48

func newUpload(s *Store, key string, o store.PutOptions) *upload {
	u := &upload{s: s, key: key, o: o}
	_, _ = rand.Read(u.prefix[:]) // it never fails
	return u
}

// id of a block.
func (u *upload) id(i int) string {
	return base64Of(binary.BigEndian.AppendUint32(bytes.Clone(u.prefix[:]), uint32(i)))
}

// A block's CRC-64 and length.
type block struct {
	crc uint64
	n   int64
}

// put sends a block, and gives its CRC-64, which the service compares with what it got.
func (u *upload) put(ctx context.Context, i int, b store.Body) (block, error) {
	if u.o.Slot != nil {
		release, err := u.o.Slot(ctx)
		if err != nil {
			return block{}, u.s.sendError(ctx, "writing", u.key, err)
		}
		defer release()
	}
	name, _ := nameOf(u.key)
	var sums blockSums
	r := request{op: "writing", method: http.MethodPut, key: name, query: "blockid=" + url.QueryEscape(u.id(i)) + "&comp=block", want: http.StatusCreated,
		length: b.Len(), about: u.key, header: http.Header{}}
	r.prepare = func(r *request) (err error) {
		if sums, err = sumsOf(b, !u.s.crc); err != nil {
			return u.s.fault(r.op, u.key, nil, "", err)
		}
		if u.s.crc {
			r.header["X-Ms-Content-Crc64"] = []string{base64Of(binary.LittleEndian.AppendUint64(nil, sums.crc))}
		} else {
			r.header["Content-Md5"] = []string{base64Of(sums.md5)}
		}
		return nil
	}
	r.body = func() io.ReadCloser { return wire.Sending(b.Reader(), u.o.Sent) }
	err := u.s.send(ctx, &r, func(resp *http.Response) error {
		if err := drained(resp); err != nil {
			return u.s.sendError(ctx, r.op, u.key, err)
		}
		return nil
	})
	return block{sums.crc, b.Len()}, err
}

// blockSums are what a block is verified by on its way. The MD5 is for endpoints other than Azure's own, which may not know the CRC-64.
type blockSums struct {
	crc uint64
	md5 []byte
}

// sumsOf are those of a body. Azure's CRC-64 is that of NVMe, which it writes with its lowest byte first.
func sumsOf(b store.Body, withMD5 bool) (s blockSums, err error) {
	hash := md5.New()
	buf := b.Bytes
	if b.At != nil {
		buf = make([]byte, 128<<10)
	}
	for off := int64(0); off < b.Len(); off += int64(len(buf)) {
		if b.At != nil {
			buf = buf[:min(int64(len(buf)), b.Size-off)]
			if n, err := b.At.ReadAt(buf, off); n < len(buf) {
				return s, err
			}
		}
		s.crc = checksum.Update(checksum.CRC64NVME, s.crc, buf)
		if withMD5 {
			hash.Write(buf)
		}
	}
	s.md5 = hash.Sum(nil)
	return s, nil
}

// commit makes the blob of its blocks.
func (u *upload) commit(ctx context.Context, blocks []block) (store.Object, error) {
	var doc bytes.Buffer
	var crc uint64
	size := int64(0)
	doc.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList>`)
	for i, b := range blocks {
		fmt.Fprintf(&doc, "<Latest>%s</Latest>", u.id(i))
		crc = checksum.Combine(checksum.CRC64NVME, crc, b.crc, b.n)
		size += b.n
	}
	doc.WriteString("</BlockList>")
	name, isFolder := nameOf(u.key)
	r := request{op: "writing", method: http.MethodPut, key: name, query: "comp=blocklist", want: http.StatusCreated, length: int64(doc.Len()), about: u.key,
		header: make(http.Header, len(u.o.Meta)+4), body: func() io.ReadCloser { return io.NopCloser(bytes.NewReader(doc.Bytes())) }}
	describe(r.header, u.o, isFolder)
	r.header["Content-Type"] = []string{"application/xml"}
	r.header["Content-Md5"] = []string{checksum.Of(checksum.MD5, doc.Bytes()).Value}
	r.header[http.CanonicalHeaderKey(metaPrefix+wholeSum)] = []string{wholeSumValue(crc, size)}
	put := store.Object{Key: u.key, Size: size, ModTime: time.Now()}
	err := u.s.send(ctx, &r, func(resp *http.Response) error {
		put.ETag = wire.ETag(resp)
		if err := drained(resp); err != nil {
			return u.s.sendError(ctx, r.op, u.key, err)
		}
		return nil
	})
	return put, err
}

// putBlocks sends a body in blocks, so many at a time.
func putBlocks(ctx context.Context, s *Store, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	u := newUpload(s, key, o)
	size := s.blockSize(b.Len())
	blocks := make([]block, (b.Len()+size-1)/size)
	next := make(chan int)
	var failed error
	var once sync.Once
	fail := func(err error) { once.Do(func() { failed = err; stop(err) }) }
	var wg sync.WaitGroup
	for range min(max(1, o.Parallel), len(blocks)) {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					fail(cause.Caught(p))
				}
			}()
			for i := range next {
				var err error
				if blocks[i], err = u.put(ctx, i, part(b, int64(i)*size, size)); err != nil {
					fail(err)
					return
				}
			}
		})
	}
	for i := range blocks {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
	if failed == nil && ctx.Err() != nil {
		failed = s.sendError(ctx, "writing", key, context.Cause(ctx))
	}
	if failed != nil {
		return store.Object{}, failed
	}
	return u.commit(ctx, blocks)
}

// part is up to n bytes of a body from off on.
func part(b store.Body, off, n int64) store.Body {
	n = min(n, b.Len()-off)
	if b.At == nil {
		return store.Body{Bytes: b.Bytes[off : off+n]}
	}
	return store.Body{At: io.NewSectionReader(b.At, off, n), Size: n}
}
