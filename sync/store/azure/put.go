package azure

import (
	"context"
	"net/http"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Put stores a blob: by one request, or in blocks where it is larger than one.
func (s *Store) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if why := holds(key); why != nil {
		return store.Object{}, unkept(s, key, why)
	}
	if b.At == nil {
		return putBody(ctx, s, key, b, o)
	}
	watched, src := wire.Watch(ctx, b.At)
	defer src.Close()
	b.At = src
	put, err := putBody(watched, s, key, b, o)
	if own := src.Err(); own != nil {
		return store.Object{}, s.fault("writing", key, nil, "", own)
	}
	return put, err
}

// unkept is the error of a key that no blob can have.
func unkept(s *Store, key string, why error) *Error {
	e := s.fault("writing", key, nil, "", why)
	e.Advice = "Azure keeps no such name: rename the file"
	return e
}

func putBody(ctx context.Context, s *Store, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if b.Len() > s.blocks.single {
		return putBlocks(ctx, s, key, b, o)
	}
	name, isFolder := nameOf(key)
	r := request{op: "writing", method: http.MethodPut, key: name, want: http.StatusCreated, length: b.Len(), about: key, header: make(http.Header, len(o.Meta)+5)}
	r.header["X-Ms-Blob-Type"] = blockBlob
	describe(r.header, o, isFolder)
	// Each try hashes again: where the service says that the body was another one, the file may have changed. The service keeps this
	// MD5.
	r.prepare = func(r *request) error {
		sum := checksum.Of(checksum.MD5, b.Bytes)
		if b.At != nil {
			var err error
			if sum, err = checksum.OfReader(checksum.MD5, b.At, b.Size); err != nil {
				return s.fault(r.op, key, nil, "", err)
			}
		}
		r.header["Content-Md5"] = []string{sum.Value}
		return nil
	}
	open, done := wire.Bodies(b, o.Sent)
	if r.length > 0 {
		r.body = open
	}
	put := store.Object{Key: key, Size: b.Len(), ModTime: time.Now()}
	err := s.send(ctx, &r, func(resp *http.Response) error {
		put.ETag = wire.ETag(resp)
		if err := drained(resp); err != nil {
			return s.sendError(ctx, r.op, key, err)
		}
		done()
		return nil
	})
	return put, err
}

var blockBlob = []string{"BlockBlob"}

// describe adds what a blob is to have besides its content.
func describe(h http.Header, o store.PutOptions, isFolder bool) {
	setMeta(h, o.Meta)
	if isFolder {
		h[http.CanonicalHeaderKey(metaPrefix+folder)] = []string{"true"}
	}
	if o.ContentType != "" {
		h["X-Ms-Blob-Content-Type"] = []string{o.ContentType}
	}
}
