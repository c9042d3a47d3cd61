package gcs

import (
	"context"
	"net/http"
	"strconv"

	"github.com/genepattern/ferry/sync/store"
)

var _ store.Stater = (*Store)(nil)

// Stat asks for an object's headers.
func (s *Store) Stat(ctx context.Context, key string) (o store.Object, err error) {
	r := request{op: "asking for", key: key, method: http.MethodHead, path: s.c.mediaPath(key)}
	err = s.c.send(ctx, &r, func(resp *http.Response) error {
		resp.Body.Close()
		size := resp.Header.Get("X-Goog-Stored-Content-Length")
		o = store.Object{Key: key, Size: resp.ContentLength, ETag: resp.Header.Get("X-Goog-Generation")}
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			o.Size = n
		}
		if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
			o.ModTime = t
		}
		return nil
	})
	return o, err
}
