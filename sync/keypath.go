package sync

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/genepattern/ferry/sync/internal/tree"
)

// maxKey is the longest key S3 takes, in bytes.
const maxKey = 1024

// dirPrefix makes a key prefix a directory's: "in" is "in/", so that it never matches "in2/".
func dirPrefix(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}

// checkKey says why a file's key cannot be one of an object. What has content is then an error and no mere warning.
func checkKey(key string) error {
	switch {
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: its name is not UTF-8", tree.ErrUnstorable)
	case len(key) > maxKey:
		return fmt.Errorf("%w: it would have a key of over 1024 bytes", tree.ErrUnstorable)
	}
	return nil
}

func refusal(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }

// clashes notices keys that cannot both be files: "a" and "a/b". Keys come in order, so all that begin with a key follow
// it before any other, and only those that the present key begins with are kept: no more than it has bytes.
type clashes struct{ open []string }

// add takes the next path and says which earlier one it clashes with, if any; then it is not kept.
func (c *clashes) add(path string) (with string, clash bool) {
	n := len(c.open)
	for n > 0 && !strings.HasPrefix(path, c.open[n-1]) {
		n--
	}
	c.open = c.open[:n]
	for _, o := range c.open {
		if len(path) > len(o) && path[len(o)] == '/' {
			return o, true
		}
	}
	if !strings.HasSuffix(path, "/") {
		c.open = append(c.open, path)
	}
	return "", false
}
