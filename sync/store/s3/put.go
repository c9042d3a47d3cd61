package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Put stores an object: by one request, or in parts where it is larger than one.
func (s *Store) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if s.problem != nil {
		return store.Object{}, s.problem
	}
	if b.At == nil {
		return putBody(ctx, s, key, b, o)
	}
	watched, src := wire.Watch(ctx, b.At)
	defer src.Close()
	b.At = src
	if b.Len() <= s.parts.single {
		ctx = watched
	} // else parts that are on their way come to their end: one that is cut off can outlive that its upload is aborted
	put, err := putBody(ctx, s, key, b, o)
	if own := src.Err(); own != nil {
		return store.Object{}, s.fault("writing", key, nil, "", own)
	}
	return put, err
}

func putBody(ctx context.Context, s *Store, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if b.Len() > s.parts.single {
		at := s.places.here()
		put := func() (store.Object, error) { return putParts(ctx, s, key, b, o) }
		made, err := makes(ctx, put)
		if err != nil && s.places.follow(ctx, at, err) {
			return makes(ctx, put)
		}
		return made, err
	}
	r := request{op: "writing", method: http.MethodPut, key: key, want: http.StatusOK, length: b.Len(), brings: s.options.Headers.writes(), header: make(http.Header, len(o.Meta)+3)}
	if o.ContentType != "" {
		r.header["Content-Type"] = []string{o.ContentType}
	}
	for k, v := range o.Meta {
		r.header[http.CanonicalHeaderKey("X-Amz-Meta-"+k)] = []string{v}
	}
	// Each try hashes again: where the store says that the body was another one, the file may have changed.
	r.prepare = func(r *request) error {
		sum, err := digest(b, r, s.upload, !s.unsigned)
		if err != nil {
			return s.fault(r.op, key, nil, "", err)
		}
		if sum.Algorithm != checksum.None {
			r.header[http.CanonicalHeaderKey("X-Amz-Checksum-"+string(sum.Algorithm))] = []string{sum.Value}
		}
		return nil
	}
	open, done := wire.Bodies(b, o.Sent)
	if r.length > 0 {
		r.body = open
	}
	put := store.Object{Key: key, Size: b.Len(), ModTime: time.Now()}
	err := s.send(ctx, &r, func(resp *http.Response) error {
		put.ETag = wire.ETag(resp)
		_, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return s.sendError(ctx, r.op, key, err)
		}
		done()
		return nil
	})
	return put, err
}

// digest makes what verifies the body: the hash in the signature, a checksum, or both.
func digest(b store.Body, r *request, keep checksum.Algorithm, sign bool) (checksum.Sum, error) {
	if !sign {
		r.sha256 = unsignedPayload
	}
	if b.At == nil {
		if sign {
			sum := sha256.Sum256(b.Bytes)
			r.sha256 = hex.EncodeToString(sum[:])
		}
		return checksum.Of(keep, b.Bytes), nil
	}
	signed, kept := sha256.New(), checksum.New(keep)
	into := []io.Writer{}
	if sign {
		into = append(into, signed)
	}
	if kept != nil {
		into = append(into, kept)
	}
	if len(into) == 0 {
		return checksum.Sum{}, nil
	}
	if _, err := io.Copy(io.MultiWriter(into...), b.Reader()); err != nil {
		return checksum.Sum{}, err
	}
	if sign {
		r.sha256 = hex.EncodeToString(signed.Sum(nil))
	}
	if kept == nil {
		return checksum.Sum{}, nil
	}
	return checksum.Sum{Algorithm: keep, Value: base64Of(kept.Sum(nil))}, nil
}
