package gcs

import (
	"context"
	"net/http"
	"strings"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Open begins to read an object.
func (s *Store) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	r, resp, err := wire.Open(ctx, getter{s}, s.c.loop, key, o)
	if err != nil {
		return nil, err
	}
	for k, v := range resp.Header {
		if name, ok := strings.CutPrefix(k, "X-Goog-Meta-"); ok && len(v) > 0 {
			if r.Meta == nil {
				r.Meta = make(store.Meta, 4)
			}
			r.Meta[strings.ToLower(name)] = v[0]
		}
	}
	if len(resp.Header["Content-Encoding"]) == 0 || resp.Header.Get("X-Goog-Stored-Content-Encoding") != "identity" {
		r.Sum = sumOf(resp.Header)
	}
	return r, nil
}

// A getter is a Store as a stream sees it.
type getter struct{ s *Store }

var _ wire.Getter = getter{}

// Get asks for the generation that a tag is.
func (g getter) Get(ctx context.Context, key string, header http.Header, want int) (resp *http.Response, err error) {
	r := request{op: "reading", key: key, method: http.MethodGet, path: g.s.c.mediaPath(key), header: header, ok: []int{want}}
	if tag := header.Get("If-Match"); tag != "" {
		header.Del("If-Match")
		header["X-Goog-If-Generation-Match"] = []string{tag}
	}
	err = g.s.c.send(ctx, &r, func(got *http.Response) error {
		resp = got
		tagged(resp.Header)
		return nil
	})
	return resp, err
}

// tagged makes the generation the tag.
func tagged(h http.Header) { h["Etag"] = h["X-Goog-Generation"] }

func (g getter) Unread(ctx context.Context, key string, kind, err error) error {
	r := request{op: "reading", key: key}
	if ended := wire.Ended(ctx, r.op, g.s.URL(key)); ended != nil {
		return ended
	}
	return g.s.c.fault(&r, kind, err)
}

// sumOf is the CRC32C that an answer tells, among other sums or in a header of its own.
func sumOf(h http.Header) checksum.Sum {
	for _, line := range h["X-Goog-Hash"] {
		for _, one := range strings.Split(line, ",") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(one), "crc32c="); ok {
				return checksum.Sum{Algorithm: checksum.CRC32C, Value: v}
			}
		}
	}
	return checksum.Sum{}
}
