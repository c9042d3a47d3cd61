package gcs

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
)

// resource is an object as the JSON API tells of it.
type resource struct {
	Name       string
	Size       string
	Generation string
	Updated    time.Time
	CRC32C     string `json:"crc32c"`
}

func (o resource) object() store.Object {
	n, err := strconv.ParseInt(o.Size, 10, 64)
	if err != nil {
		n = -1
	}
	return store.Object{Key: o.Name, Size: n, ModTime: o.Updated, ETag: o.Generation}
}

// maxAnswer bounds an answer in JSON, in bytes. A page of a thousand names of 1024 bytes, each byte escaped, has some 7 MB.
const maxAnswer = 32 << 20

// document reads an answer in JSON.
func (c *client) document(ctx context.Context, r *request, v any) error {
	return c.send(ctx, r, func(resp *http.Response) error { return c.decode(ctx, r, resp, v) })
}

// decode reads one try's answer.
func (c *client) decode(ctx context.Context, r *request, resp *http.Response, v any) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if err != nil {
		return c.unanswered(ctx, r, err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return c.fault(r, nil, err)
	}
	return nil
}

// A page of a listing.
type page struct {
	Items []resource
	Next  string `json:"nextPageToken"`
	err   error
}

// List yields the objects under prefix. The next page is asked for while one is being read, so memory holds two.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		pages := make(chan page)
		go func() {
			defer close(pages)
			defer func() {
				if p := recover(); p != nil {
					pages <- page{err: cause.Caught(p)}
				}
			}()
			s.pages(ctx, prefix, pages)
		}()
		defer func() { // the goroutine never outlives the loop
			cancel()
			for range pages {
			}
		}()
		last := ""
		for p := range pages {
			for _, item := range p.Items {
				if item.Name <= last && last != "" || !strings.HasPrefix(item.Name, prefix) {
					r := request{op: "listing", key: prefix}
					yield(store.Object{}, s.c.fault(&r, store.ErrOrder, nil))
					return
				}
				last = item.Name
				if !yield(item.object(), nil) {
					return
				}
			}
			if p.err != nil {
				yield(store.Object{}, p.err)
				return
			}
		}
	}
}

// pages asks for one page after the other. The last one may have an error.
func (s *Store) pages(ctx context.Context, prefix string, pages chan<- page) {
	token := ""
	for {
		q := url.Values{"prefix": {prefix}, "fields": {"items(name,size,generation,updated),nextPageToken"}, "maxResults": {"1000"}}
		if n := s.c.options.PageSize; n > 0 {
			q.Set("maxResults", strconv.Itoa(n))
		}
		if token != "" {
			q.Set("pageToken", token)
		}
		var p page
		p.err = s.c.document(ctx, &request{op: "listing", key: prefix, method: http.MethodGet, path: s.c.objectPath(""), query: q, absent: store.ErrNoBucket}, &p)
		select {
		case pages <- p:
		case <-ctx.Done():
			if p.err == nil {
				p.err = context.Cause(ctx)
			}
			pages <- page{err: p.err} // whoever lists hears why, or drains
			return
		}
		if token = p.Next; token == "" || p.err != nil {
			return
		}
	}
}
