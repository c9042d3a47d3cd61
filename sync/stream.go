package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/genepattern/ferry/sync/store"
)

// UpStream stores all that r gives under key. expected is its size in bytes, as far as somebody knows; else 0.
func (e *Engine) UpStream(ctx context.Context, r io.Reader, st store.Store, key string, expected int64, o Options) (Stats, error) {
	t := e.begin(ctx, st, nil, o)
	t.tally.listed.Add(1)
	s, ok := st.(store.Streamer)
	switch {
	case !ok:
		t.halt(fmt.Errorf("writing %s: the store takes nothing without a size", strconv.Quote(st.URL(key))))
	case o.DryRun:
		t.done(OpUpload, key, "-", 0, "asked for")
	default:
		count := &counting{r: r}
		if _, err := s.PutStream(t.ctx, key, count, expected, store.PutOptions{Parallel: 1 + extraParts, Sent: t.moved}); err != nil {
			t.fail(key, "-", err)
		} else {
			t.done(OpUpload, key, "-", count.n, "asked for")
		}
	}
	return t.end(ctx)
}

// DownStream writes an object to w, from its first byte to its last. A checksum is known to be right only at the end: where it is wrong,
// w has had the bytes and the error says so.
func (e *Engine) DownStream(ctx context.Context, st store.Store, key string, w io.Writer, o Options) (Stats, error) {
	t := e.begin(ctx, st, nil, o)
	t.tally.listed.Add(1)
	if o.DryRun {
		if _, err := stat(t.ctx, st, key); err != nil {
			t.fail(key, "-", err)
		} else {
			t.done(OpDownload, key, "-", 0, "asked for")
		}
		return t.end(ctx)
	}
	r, err := st.Open(t.ctx, key, store.OpenOptions{})
	if err != nil {
		if !errors.Is(err, store.ErrArchived) || !t.leaves(store.Object{Key: key, Archived: true}, "-") {
			t.fail(key, "-", err)
		}
		return t.end(ctx)
	}
	defer r.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, verifying(r, st.URL(key)), make([]byte, largeBuffer))
	if err != nil {
		t.fail(key, "-", err)
	} else {
		t.done(OpDownload, key, "-", n, "asked for")
	}
	return t.end(ctx)
}

// counting counts what was read.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
