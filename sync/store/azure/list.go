package azure

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/sorted"
)

// List yields the blobs under prefix. An account without a hierarchical namespace lists them in the order of their names, and the next
// page is asked for while one is being read. An account with one lists a directory before its files, and these before what sorts
// before a slash, so its listing is put in order first; package sorted bounds the memory.
//
// Which of both an account is, its first page shows: only a hierarchical namespace tells what type of resource an entry is.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		l := &listing{s: s, prefix: prefix}
		all := l.objects(ctx)
		first, err := l.first(ctx)
		switch {
		case err != nil:
			yield(store.Object{}, err)
			return
		case first.hierarchical || first.next == "": // or all there is, whatever its order
			all = sorted.List(ctx, all, sorted.Budget)
		default:
			all = l.flat(all)
		}
		for o, err := range all {
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// A listing is of a prefix.
type listing struct {
	s      *Store
	prefix string
	begin  page // the first page
}

// first asks for the first page, which objects then begins with.
func (l *listing) first(ctx context.Context) (page, error) {
	var err error
	l.begin, err = l.ask(ctx, "")
	return l.begin, err
}

// objects yields what the pages have, in their order.
func (l *listing) objects(ctx context.Context) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		pages := make(chan page)
		var failed error // written before pages is closed
		go func() {
			defer close(pages)
			defer func() {
				if p := recover(); p != nil {
					failed = cause.Caught(p)
				}
			}()
			failed = l.pages(ctx, pages)
		}()
		defer func() { // the goroutine never outlives the loop
			cancel()
			for range pages {
			}
		}()
		for p := range pages {
			for _, o := range p.objects {
				if strings.HasPrefix(o.Key, l.prefix) && !yield(o, nil) {
					return
				}
			}
		}
		if failed != nil {
			yield(store.Object{}, failed)
		}
	}
}

func (l *listing) pages(ctx context.Context, pages chan<- page) error {
	for p := l.begin; ; {
		select {
		case pages <- p:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if p.next == "" {
			return nil
		}
		var err error
		if p, err = l.ask(ctx, p.next); err != nil {
			return err
		}
	}
}

// flat puts directories where their keys belong: a key ends in a slash, and the blob's name, by which it is listed, does not.
func (l *listing) flat(all iter.Seq2[store.Object, error]) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		var waiting []store.Object // directories, the last one first in order
		last := ""
		give := func(o store.Object) bool {
			if o.Key <= last && last != "" {
				yield(store.Object{}, l.s.fault("listing", l.prefix, store.ErrOrder, strconv.Quote(o.Key), nil))
				return false
			}
			last = o.Key
			return yield(o, nil)
		}
		for o, err := range all {
			if err != nil {
				yield(o, err)
				return
			}
			for n := len(waiting); n > 0 && waiting[n-1].Key < o.Key; n = len(waiting) {
				if !give(waiting[n-1]) {
					return
				}
				waiting = waiting[:n-1]
			}
			if strings.HasSuffix(o.Key, "/") {
				waiting = append(waiting, o)
			} else if !give(o) {
				return
			}
		}
		for n := len(waiting); n > 0; n-- {
			if !give(waiting[n-1]) {
				return
			}
		}
	}
}

// maxPage bounds an answer, in bytes. A page of 5000 has about 5 MB.
const maxPage = 64 << 20

// ask asks for a page of up to 5000 blobs, the most there are. Metadata come with it because only they say that a blob is a
// directory's.
func (l *listing) ask(ctx context.Context, marker string) (p page, err error) {
	s := l.s
	q := "comp=list&include=metadata&restype=container"
	if marker != "" {
		q += "&marker=" + url.QueryEscape(marker)
	}
	if s.page > 0 {
		q += "&maxresults=" + strconv.Itoa(s.page)
	}
	if l.prefix != "" {
		q += "&prefix=" + url.QueryEscape(l.prefix)
	}
	r := request{op: "listing", method: http.MethodGet, query: q, want: http.StatusOK, about: l.prefix}
	err = s.send(ctx, &r, func(resp *http.Response) error {
		defer resp.Body.Close()
		var b bytes.Buffer
		if resp.ContentLength > 0 {
			b.Grow(int(min(resp.ContentLength, 1<<23)) + bytes.MinRead)
		}
		if _, err := b.ReadFrom(io.LimitReader(resp.Body, maxPage)); err != nil {
			return s.sendError(ctx, r.op, l.prefix, err)
		}
		if p, err = parsePage(b.Bytes()); err != nil {
			return s.fault(r.op, l.prefix, nil, "", err)
		}
		return nil
	})
	return p, err
}
