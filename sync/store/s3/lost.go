package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

const noSuchUpload = "NoSuchUpload"

// lost reports whether err says that the store knows no such upload. Either it was completed and the answer got lost, or it is gone: somebody
// aborted it, or the server forgot it.
func lost(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == noSuchUpload
}

// losses is how often an upload in parts is made that gets lost each time.
const losses = 3

// makes makes an object by an upload in parts, and once more where the upload got lost.
func makes[T any](ctx context.Context, upload func() (T, error)) (made T, err error) {
	for range losses {
		if made, err = upload(); !lost(err) || ctx.Err() != nil {
			break
		}
	}
	return made, err
}

// A completion is how the request ended that completes an upload.
type completion struct {
	op, key string
	parts   []string // their tags
	tries   int
	tag     string // of the answer
	err     error
}

// settle finds out whether the object is made. An answer may have got lost, and the next try then meets an upload that is gone, or one that the
// server still works on: versitygw 1.8 says to the latter that all is well, also where it was killed over that work. So after more than one
// try the object is asked whether it is the one.
func settle(ctx context.Context, s *Store, c completion) (tag string, err error) {
	if !lost(c.err) && (c.err != nil || c.tries < 2) {
		return c.tag, c.err
	}
	want := tagOfParts(c.parts)
	if c.err == nil {
		want = strings.Trim(c.tag, `"`)
	}
	for try := range giveUpTries {
		have, err := head(ctx, s, c.key, s.options.Headers)
		switch {
		case err == nil && strings.Trim(have.Get("Etag"), `"`) == want:
			return have.Get("Etag"), nil
		case c.err != nil:
			return "", c.err
		case err != nil && !errors.Is(err, store.ErrNotExist): // who may not look must believe the answer
			return c.tag, nil
		}
		select {
		case <-time.After(giveUpPause << try): // the server may be about to make it
		case <-ctx.Done():
			return "", s.sendError(ctx, c.op, c.key, ctx.Err())
		}
	}
	e := s.fault(c.op, c.key, nil, "the store says that the object is complete, and has another one or none", nil)
	e.Code = noSuchUpload
	return "", e
}

// tagOfParts is the tag of an object that is made of parts with these tags, without quotes; "" where they are no MD5s.
func tagOfParts(parts []string) string {
	h := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(strings.Trim(p, `"`))
		if err != nil {
			return ""
		}
		h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}
