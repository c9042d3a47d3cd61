package s3

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/sync/store"
)

var _ store.Stater = (*Store)(nil)

// Stat asks for an object's headers. One that was restored counts as no longer archived.
func (s *Store) Stat(ctx context.Context, key string) (o store.Object, err error) {
	h, err := head(ctx, s, key, s.options.Headers)
	if err != nil {
		return o, err
	}
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil {
		return o, s.fault("asking for", key, nil, "the answer does not say its length", nil)
	}
	o = store.Object{Key: key, ETag: h.Get("Etag"), Size: n, Archived: archived(h.Get("X-Amz-Storage-Class")) && !strings.Contains(h.Get("X-Amz-Restore"), `ongoing-request="false"`)}
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		o.ModTime = t
	}
	return o, nil
}

// head asks for the headers of an object. What headers say of a copy's source is said of this object.
func head(ctx context.Context, s *Store, key string, headers Headers) (h http.Header, err error) {
	own := Headers{any: headers.any, key: headers.key}
	if len(headers.source) > 0 {
		own.key = http.Header{}
		for k, v := range headers.source {
			own.key[strings.Replace(k, sourceKey, customerKey, 1)] = v
		}
	}
	r := request{op: "asking for", method: http.MethodHead, key: key, sha256: emptyPayload, want: http.StatusOK, brings: own.reads()}
	err = s.send(ctx, &r, func(resp *http.Response) error {
		h = resp.Header
		return resp.Body.Close()
	})
	return h, err
}
