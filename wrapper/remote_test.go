package wrapper

import (
	"context"
	"testing"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// The key that an input's URL names is literal, as package store says: another object must not be fetched in its place.
func TestKeyOfURLIsLiteral(t *testing.T) {
	open := func(_ context.Context, url string) (store.Store, string, error) {
		at, _, err := stores.All.Parse(url)
		return nil, at.Prefix, err
	}
	r := &remote{open: open, root: "s3://bucket/root/", prefix: "root"}
	for url, want := range map[string]string{
		"s3://other/a//b":        "a//b",
		"s3://other/a/./b":       "a/./b",
		"s3://other/x/../b":      "x/../b",
		"s3://bucket/root/a//b":  "root/a//b",
		"s3://bucket/root/../b":  "root/../b",
		"s3://other/a/b":         "a/b",
		"s3://bucket/root/a/b/":  "root/a/b",
		"s3://bucket/elsewhere/": "elsewhere",
	} {
		if _, key, err := r.at(t.Context(), url); err != nil || key != want {
			t.Errorf("%s is the key %q (%v), want %q", url, key, err, want)
		}
	}
}
