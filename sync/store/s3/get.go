package s3

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Open begins to read an object.
func (s *Store) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	r, resp, err := wire.Open(ctx, getter{s}, s.loop, key, o)
	if err != nil {
		return nil, err
	}
	for k, v := range resp.Header {
		if name, ok := strings.CutPrefix(k, "X-Amz-Meta-"); ok && len(v) > 0 {
			if r.Meta == nil {
				r.Meta = make(store.Meta, 4)
			}
			r.Meta[strings.ToLower(name)] = v[0]
		}
	}
	if resp.StatusCode == http.StatusOK {
		r.Sum = sumOf(resp)
	}
	return r, nil
}

// A getter is a Store as a stream sees it.
type getter struct{ s *Store }

var _ wire.Getter = getter{}

// Get asks for the stored checksum, too. Other servers ignore that header.
func (g getter) Get(ctx context.Context, key string, header http.Header, want int) (resp *http.Response, err error) {
	header["X-Amz-Checksum-Mode"] = checksumMode
	r := request{op: "reading", method: http.MethodGet, key: key, sha256: emptyPayload, want: want, header: header, brings: g.s.options.Headers.reads()}
	err = g.s.send(ctx, &r, func(got *http.Response) error { resp = got; return nil })
	return resp, err
}

var checksumMode = []string{"ENABLED"}

func (g getter) Unread(ctx context.Context, key string, kind, err error) error {
	if ended := wire.Ended(ctx, "reading", g.s.URL(key)); ended != nil {
		return ended
	}
	return g.s.fault("reading", key, kind, "", err)
}

// sumOf is the checksum of the whole object. That of an object uploaded in parts may be one of the parts' checksums,
// which says so by its type or by the number of parts behind a dash; nothing can be verified with it.
func sumOf(resp *http.Response) checksum.Sum {
	if resp.Header.Get("X-Amz-Checksum-Type") == "COMPOSITE" {
		return checksum.Sum{}
	}
	for _, a := range checksum.Algorithms {
		if v := resp.Header.Get("X-Amz-Checksum-" + string(a)); v != "" && !strings.Contains(v, "-") {
			return checksum.Sum{Algorithm: a, Value: v}
		}
	}
	return checksum.Sum{}
}

// noTime is what a listing without a usable time gives.
var noTime time.Time
