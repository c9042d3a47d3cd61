package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// lost reports whether err says that the store knows no such upload. Either it was completed and the answer got lost, or it is gone: somebody
// aborted it, or the server forgot it.
func lost(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == "NoSuchUpload"
}

// madeOf reports whether the object is made of the parts with these tags, as its own tag says. It asks until there is an answer.
func madeOf(ctx context.Context, s *Store, key string, parts []string) (tag string, ok bool) {
	h := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(strings.Trim(p, `"`))
		if err != nil {
			return "", false
		}
		h.Write(sum)
	}
	have, err := head(ctx, s, key, s.options.Headers)
	if err != nil {
		return "", false
	}
	tag = have.Get("Etag")
	return tag, strings.Trim(tag, `"`) == fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}
