package wrapper

import (
	"context"
	"path"
	"strings"

	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store"
)

// A remote is where the job's files are in a store.
type remote struct {
	store  store.Store
	prefix string // of the remote root's keys
	root   string // its URL, with a slash behind it
	open   Opener // for inputs that are elsewhere
}

// openRemote opens the remote root. It contacts nobody.
func openRemote(ctx context.Context, open Opener, j *job.Job) (*remote, error) {
	st, prefix, err := open(ctx, j.Remote)
	if err != nil {
		return nil, err
	}
	return &remote{store: st, prefix: prefix, root: j.URL("/"), open: open}, nil
}

// key is the key of the job's path p below the remote root.
func (r *remote) key(p string) string { return path.Join(r.prefix, inRoot(p)) }

// at is the store of a URL, and the key in it.
func (r *remote) at(ctx context.Context, url string) (store.Store, string, error) {
	if rest, ok := strings.CutPrefix(url, r.root); ok {
		return r.store, path.Join(r.prefix, rest), nil
	}
	return r.open(ctx, url)
}

// inRoot is the name in the attempt's root of the job's path p.
func inRoot(p string) string { return strings.TrimPrefix(p, "/") }
