package azure

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// A key that ends in a slash is a directory. A blob's name must not end so, because the service and its clients cut slashes off; the
// blob of a directory has the name without it, and the metadata hdi_isfolder.

// nameOf is the name of a key's blob.
func nameOf(key string) (name string, isFolder bool) {
	name, isFolder = strings.CutSuffix(key, "/")
	return name, isFolder
}

// maxSegments of a name. https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
const maxSegments = 254

// Errors of keys that no blob can have.
var (
	errControl   = errors.New("the key holds a control character, which no blob's name may have")
	errBackslash = errors.New(`the key holds a backslash, which the service takes for a slash`)
	errDot       = errors.New("a part of the key ends with a dot, which the service cuts off")
	errSlashes   = errors.New("the key holds two slashes side by side or ends in several, which the service may take for one")
	errDeep      = errors.New("the key has more than 254 parts between slashes")
	errUTF8      = errors.New("the key is no UTF-8")
)

// holds says why the service cannot keep a key as it is.
func holds(key string) error {
	if !utf8.ValidString(key) {
		return errUTF8
	}
	for _, c := range key {
		switch {
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == 0xfffe || c == 0xffff:
			return errControl
		case c == '\\':
			return errBackslash
		}
	}
	name, _ := nameOf(key)
	switch {
	case strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.Contains(name, "//") || name == "":
		return errSlashes
	case strings.HasSuffix(name, ".") || strings.Contains(name, "./"):
		return errDot
	case strings.Count(name, "/") >= maxSegments:
		return errDeep
	}
	return nil
}
