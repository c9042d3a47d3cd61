package azure

import (
	"context"
	"io"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
)

var _ store.Streamer = (*Store)(nil)

// streamed is how many blocks of a stream are on their way at once at most. Each is held in memory.
const streamed = 4

// PutStream sends what has no size yet, in blocks. Without an expected size the blocks are enough for 800 GB.
func (s *Store) PutStream(ctx context.Context, key string, r io.Reader, expected int64, o store.PutOptions) (store.Object, error) {
	if why := holds(key); why != nil {
		return store.Object{}, unkept(s, key, why)
	}
	size := s.blockSize(expected)
	first, err := readBlock(r, make([]byte, size))
	switch {
	case err != nil && err != io.EOF:
		return store.Object{}, s.fault("writing", key, nil, "", &store.BodyError{Err: err})
	case err == io.EOF:
		return putBody(ctx, s, key, store.Body{Bytes: first}, o)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	u := newUpload(s, key, o)
	var (
		mu     sync.Mutex
		blocks []block
		failed error
		wg     sync.WaitGroup
	)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			failed = err
			stop(err)
		}
	}
	free := make(chan []byte, streamed)
	for range min(max(1, o.Parallel), streamed) - 1 {
		free <- nil
	}
	next, last := first, false
	for i := 0; ; i++ {
		b := next
		mu.Lock()
		blocks = append(blocks, block{})
		mu.Unlock()
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					fail(cause.Caught(p))
				}
				free <- b
			}()
			sent, err := u.put(ctx, i, store.Body{Bytes: b})
			if err != nil {
				fail(err)
				return
			}
			mu.Lock()
			blocks[i] = sent
			mu.Unlock()
		})
		if last {
			break
		}
		buf := <-free
		if ctx.Err() != nil {
			break
		}
		if int64(cap(buf)) < size {
			buf = make([]byte, size)
		}
		if next, err = readBlock(r, buf[:size]); err != nil && err != io.EOF {
			fail(s.fault("writing", key, nil, "", &store.BodyError{Err: err}))
			break
		}
		if last = err == io.EOF; last && len(next) == 0 {
			break
		}
	}
	wg.Wait()
	if failed == nil && ctx.Err() != nil {
		failed = s.sendError(ctx, "writing", key, context.Cause(ctx))
	}
	if failed != nil {
		return store.Object{}, failed
	}
	return u.commit(ctx, blocks)
}

// readBlock fills b, and gives io.EOF with the last bytes there are.
func readBlock(r io.Reader, b []byte) ([]byte, error) {
	for n := 0; n < len(b); {
		m, err := r.Read(b[n:])
		if n += m; err != nil {
			return b[:n], err
		}
	}
	return b, nil
}
