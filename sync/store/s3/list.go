package s3

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/wire"
)

// List yields the objects under prefix. The next page is asked for while one is being read, so memory holds two.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	if isDirectory(s.bucket) {
		return listDirectory(ctx, s, prefix)
	}
	return list(ctx, s, prefix, true)
}

// list yields the objects as the answers have them, which must be in order where that is expected.
func list(ctx context.Context, s *Store, prefix string, ordered bool) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		pages := make(chan listPage)
		var failed error // written before pages is closed
		go func() {
			defer close(pages)
			defer func() {
				if p := recover(); p != nil {
					failed = cause.Caught(p)
				}
			}()
			failed = listing{s, prefix}.pages(ctx, pages)
		}()
		defer func() { // the goroutine never outlives the loop
			cancel()
			for range pages {
			}
		}()
		last := ""
		for page := range pages {
			for _, o := range page.objects {
				if ordered && o.Key <= last && last != "" || !strings.HasPrefix(o.Key, prefix) {
					yield(store.Object{}, s.fault("listing", prefix, store.ErrOrder, strconv.Quote(o.Key), nil))
					return
				}
				last = o.Key
				if !yield(o, nil) {
					return
				}
			}
		}
		if failed != nil {
			yield(store.Object{}, failed)
		}
	}
}

// A listing is of a prefix.
type listing struct {
	s      *Store
	prefix string
}

// pages asks for one page after the other.
func (l listing) pages(ctx context.Context, pages chan<- listPage) error {
	token := ""
	for {
		page, err := l.page(ctx, token)
		if err != nil {
			return err
		}
		select {
		case pages <- page:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !page.more {
			return nil
		}
		token = page.next
	}
}

// page asks for up to 1000 objects, the most S3 gives.
func (l listing) page(ctx context.Context, token string) (page listPage, err error) {
	s, prefix := l.s, l.prefix
	var q []byte
	if token != "" {
		q = append(wire.Escape(append(q, "continuation-token="...), token, false), '&')
	}
	q = append(q, "encoding-type=url&list-type=2"...)
	if s.options.PageSize > 0 {
		q = strconv.AppendInt(append(q, "&max-keys="...), int64(s.options.PageSize), 10)
	}
	q = append(q, "&prefix="...)
	q = wire.Escape(q, prefix, false)
	r := request{op: "listing", method: http.MethodGet, query: string(q), sha256: emptyPayload, want: http.StatusOK, about: prefix, brings: s.options.Headers.others()}
	err = s.send(ctx, &r, func(resp *http.Response) error {
		defer resp.Body.Close()
		var b bytes.Buffer
		if resp.ContentLength > 0 {
			b.Grow(int(min(resp.ContentLength, 1<<22)) + bytes.MinRead)
		}
		if _, err := b.ReadFrom(io.LimitReader(resp.Body, maxPage)); err != nil {
			return s.sendError(ctx, r.op, prefix, err)
		}
		if page, err = parseList(b.Bytes()); err != nil {
			return s.fault(r.op, prefix, nil, "", err)
		}
		return nil
	})
	return page, err
}
