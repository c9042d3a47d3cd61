package dir

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

var _ store.Streamer = (*Store)(nil)

// PutStream writes a file of what r gives. The file appears once it is whole.
func (s *Store) PutStream(ctx context.Context, key string, r io.Reader, _ int64, o store.PutOptions) (store.Object, error) {
	store.CounterOf(ctx).Requests.Add(1)
	t, err := s.open(true)
	if err != nil {
		return store.Object{}, err
	}
	if err := tree.CheckPath(key); err != nil {
		return store.Object{}, fmt.Errorf("writing %s: %w", strconv.Quote(s.URL(key)), err)
	}
	put := store.Object{Key: key, ModTime: time.Now()}
	a := tree.Attributes{ModTime: put.ModTime}
	if m, ok := o.Meta.ModTime(); ok {
		a.ModTime = m
	}
	a.Perm, a.HasPerm = o.Meta.Perm()
	f, err := t.Create(key, a.HasPerm)
	if err != nil {
		return put, hinted(err)
	}
	var buf [128 << 10]byte
	for {
		n, err := r.Read(buf[:])
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if n > 0 && (err == nil || err == io.EOF) {
			if _, err := f.Write(buf[:n]); err != nil {
				f.Abort()
				return put, err
			}
			put.Size += int64(n)
			if o.Sent != nil {
				o.Sent(int64(n))
			}
		}
		if err == io.EOF {
			return put, f.Commit(a)
		}
		if err != nil {
			f.Abort()
			return put, &store.BodyError{Err: err}
		}
	}
}
