package gcs

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/genepattern/ferry/sync/store"
)

var _ store.Copier = (*Store)(nil)

// CopyFrom has Google copy an object of another bucket or of this one, with its metadata. A large object takes several requests, as Google
// decides.
func (s *Store) CopyFrom(ctx context.Context, from store.Store, o store.Object, key string, c store.CopyOptions) (store.Object, error) {
	src, ok := from.(*Store)
	if !ok || src.c.root != s.c.root {
		return store.Object{}, errors.ErrUnsupported
	}
	r := request{op: "copying", key: key, method: http.MethodPost, path: src.c.objectPath(o.Key) + "/rewriteTo" + s.c.objectPath(key)[len("/storage/v1"):],
		query: url.Values{"fields": {"done,rewriteToken,totalBytesRewritten,resource(" + answerFields + ")"}}}
	if o.ETag != "" {
		r.query.Set("sourceGeneration", o.ETag)
		r.query.Set("ifSourceGenerationMatch", o.ETag)
	}
	for {
		var got struct {
			Done     bool
			Token    string `json:"rewriteToken"`
			Resource resource
		}
		if err := s.c.document(ctx, &r, &got); err != nil {
			return store.Object{}, s.whichIsMissing(ctx, src, o, err)
		}
		if got.Done {
			if c.Sent != nil {
				c.Sent(o.Size)
			}
			return stored(got.Resource, key), nil
		}
		r.query.Set("rewriteToken", got.Token)
	}
}

// whichIsMissing finds what a copy did not find: the version of the source, or the bucket that it was to go to.
func (s *Store) whichIsMissing(ctx context.Context, src *Store, o store.Object, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind != store.ErrNotExist {
		return err
	}
	now, missing := src.Stat(ctx, o.Key)
	switch {
	case missing != nil:
		return missing
	case now.ETag != o.ETag:
		e.Kind, e.Advice = store.ErrChanged, ""
	default:
		e.Kind, e.Advice = store.ErrNoBucket, hints[store.ErrNoBucket]
	}
	return err
}
