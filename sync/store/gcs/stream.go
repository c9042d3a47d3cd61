package gcs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

var _ store.Streamer = (*Store)(nil)

// chunk is how much of a stream is kept until the service has it, in bytes: a multiple of 256 KiB, as sessions want, and what Google's own
// clients keep.
const chunk = 16 << 20

// PutStream uploads what has no size yet, by a session. What was sent last is kept until the service has it.
func (s *Store) PutStream(ctx context.Context, key string, r io.Reader, _ int64, o store.PutOptions) (store.Object, error) {
	rq := request{op: "writing", key: key}
	in := bufio.NewReaderSize(r, 64<<10)
	buf := make([]byte, chunk)
	n, last, err := chunkOf(in, buf)
	if err != nil {
		return store.Object{}, s.c.fault(&rq, nil, &store.BodyError{Err: err})
	}
	if last && int64(n) <= s.single {
		return s.Put(ctx, key, store.Body{Bytes: buf[:n]}, o)
	}
	u := &session{s: s, key: key, sent: o.Sent, about: about{Name: key, ContentType: o.ContentType, Metadata: o.Meta}}
	if err := s.c.unsent(ctx, &rq, s.c.loop.Do(ctx, func() error { return u.begin(ctx) })); err != nil {
		return store.Object{}, err
	}
	var got resource
	var crc uint64
	size := int64(0)
	for {
		crc = checksum.Update(checksum.CRC32C, crc, buf[:n])
		if err := u.chunk(ctx, buf[:n], size, last, &got); err != nil {
			u.abandon(ctx)
			return store.Object{}, err
		}
		if size += int64(n); last {
			break
		}
		if n, last, err = chunkOf(in, buf); err != nil {
			u.abandon(ctx)
			return store.Object{}, s.c.fault(&rq, nil, &store.BodyError{Err: err})
		}
	}
	if err := s.matches(&rq, got, checksum.FromCRC(checksum.CRC32C, crc), size); err != nil {
		// What is there is not what was sent, and a stream cannot be sent again.
		return store.Object{}, errors.Join(err, s.remove(context.WithoutCancel(ctx), key, got.Generation))
	}
	return stored(got, key), nil
}

// chunkOf fills buf, and says whether the stream ends there.
func chunkOf(in *bufio.Reader, buf []byte) (n int, last bool, err error) {
	n, err = io.ReadFull(in, buf)
	if err == nil {
		_, err = in.Peek(1)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return n, true, nil
	}
	return n, false, err
}

// chunk sends the bytes of the stream that begin at off.
func (u *session) chunk(ctx context.Context, b []byte, off int64, last bool, got *resource) error {
	end := off + int64(len(b))
	total := int64(-1)
	if last {
		total = end
	}
	r := u.request(http.MethodPut)
	return u.s.c.unsent(ctx, r, u.s.c.loop.Do(ctx, func() error {
		if u.at == nil { // what went before is gone
			return u.s.c.fault(r, nil, errors.New("the upload's session was lost, and a stream cannot be sent again"))
		}
		if !u.asked {
			if done, err := u.put(ctx, nil, 0, 0, total, got); done || err != nil {
				return err
			}
		}
		if u.there < off || u.there > end {
			return u.s.c.fault(r, nil, errors.New("the session has lost bytes, and a stream cannot be sent again"))
		}
		if u.there == end && !last {
			return nil
		}
		done, err := u.put(ctx, shifted{bytes.NewReader(b), off}, u.there, end-u.there, total, got)
		if err == nil && done != last {
			err = u.s.c.fault(r, nil, errors.New("the session ended too early, or not at all"))
		}
		if err == nil && !last && u.there < end {
			e := u.s.c.fault(r, nil, errors.New("not all of it came"))
			e.again = true
			err = e
		}
		return err
	}))
}

// shifted are bytes that begin at an offset.
type shifted struct {
	r   *bytes.Reader
	off int64
}

func (s shifted) ReadAt(p []byte, off int64) (int, error) { return s.r.ReadAt(p, off-s.off) }
