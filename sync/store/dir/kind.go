package dir

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/genepattern/ferry/sync/store"
)

// Kind is a directory of this machine. The whole path in file:///DIRECTORY is the bucket, so two directories are two stores.
var Kind = store.Kind{
	Name:    "a directory",
	Schemes: []string{"file"},
	Form:    "file:///DIRECTORY",
	Paths:   true,
	Parse: func(path string) (bucket, prefix string, err error) {
		if !filepath.IsAbs(path) {
			return "", "", errors.New("names no absolute directory")
		}
		return filepath.Clean(path), "", nil
	},
	Can:   store.Everything,
	Hints: hints,
	Open: func(_ context.Context, at store.Opening) (store.Store, error) {
		s, err := New(at.Bucket)
		if err != nil { // a nil *Store is no nil Store
			return nil, err
		}
		return s, nil
	},
}
