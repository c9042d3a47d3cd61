package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/wire"
)

// copyLimit is the size of the largest object that one request can make or copy, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const copyLimit = 5 << 30

var _ store.Copier = (*Store)(nil)

// CopyFrom has S3 copy an object of another bucket or of this one: by one request, which keeps metadata and tags, or in parts.
func (s *Store) CopyFrom(ctx context.Context, from store.Store, o store.Object, key string, c store.CopyOptions) (store.Object, error) {
	src, ok := from.(*Store)
	if !ok {
		return store.Object{}, errors.ErrUnsupported
	}
	if s.problem != nil {
		return store.Object{}, s.problem
	}
	cp := copying{s: s, src: src, o: o, key: key, CopyOptions: c}
	limit := s.options.CopyLimit
	if limit == 0 {
		limit = copyLimit
	}
	if o.Size > limit {
		return makes(ctx, func() (store.Object, error) { return cp.inParts(ctx) })
	}
	return cp.whole(ctx)
}

// A copying is one object on its way within S3.
type copying struct {
	s, src *Store
	o      store.Object // of src
	key    string       // of s
	store.CopyOptions
}

// source names the object, as a header does, and the version that was listed.
func (cp copying) source() http.Header {
	name := cp.src.bucket + "/"
	if strings.HasPrefix(name, "arn:") {
		name += "object/"
	}
	h := http.Header{"X-Amz-Copy-Source": {string(wire.Escape(nil, name+cp.o.Key, true))}}
	if cp.o.ETag != "" {
		h["X-Amz-Copy-Source-If-Match"] = []string{cp.o.ETag}
	}
	return h
}

// replaces reports whether the copy has the metadata of the command line, and none of its source's.
func (cp copying) replaces() bool {
	d := cp.s.options.Directive
	return d == "REPLACE" || cp.s.options.CopyProps == "none" || d == "" && cp.s.options.HasMeta
}

// dropsTags reports whether the copy has none of its source's tags.
func (cp copying) dropsTags() bool {
	return cp.s.options.CopyProps == "none" || cp.s.options.CopyProps == "metadata-directive"
}

// copied is the answer to a copy.
type copied struct {
	ETag string
}

func (cp copying) whole(ctx context.Context) (store.Object, error) {
	r := request{op: "copying", method: http.MethodPut, key: cp.key, sha256: emptyPayload, want: http.StatusOK, header: cp.source(), brings: cp.s.options.Headers.copies()}
	if cp.replaces() {
		r.header["X-Amz-Metadata-Directive"] = []string{"REPLACE"}
	} else if d := cp.s.options.Directive; d != "" {
		r.header["X-Amz-Metadata-Directive"] = []string{d}
	}
	if cp.dropsTags() {
		r.header["X-Amz-Tagging-Directive"] = []string{"REPLACE"}
	}
	if a := cp.s.options.Algorithm; a != "" {
		r.header["X-Amz-Checksum-Algorithm"] = []string{strings.ToUpper(string(a))}
	}
	var got copied
	if err := cp.document(ctx, &r, &got); err != nil {
		return store.Object{}, err
	}
	if cp.Sent != nil {
		cp.Sent(cp.o.Size)
	}
	return store.Object{Key: cp.key, Size: cp.o.Size, ETag: got.ETag, ModTime: time.Now()}, nil
}
