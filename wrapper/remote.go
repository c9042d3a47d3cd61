package wrapper

import (
	"context"
	"path"
	"strings"

	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store"
)

// A remote is the remote root: where the job's files are in a store.
type remote struct {
	store  store.Store
	prefix string // of the remote root's keys
	root   string // its URL, with a slash behind it
	open   Opener // for inputs that are elsewhere
}

// openRemote opens the remote root. It sends nothing.
func openRemote(ctx context.Context, open Opener, j *job.Job) (*remote, error) {
	st, prefix, err := open(ctx, j.Remote)
	if err != nil {
		return nil, err
	}
	return &remote{store: st, prefix: prefix, root: j.URL("/"), open: open}, nil
}

// key is the key of the job's path p below the remote root.
func (r *remote) key(p string) string { return path.Join(r.prefix, inRoot(p)) }

// at is the store of a URL, and the key in it, which is taken literally. A URL below the remote root is in the remote root's
// store. Of a store that is a directory the URL may be a file's: then the store is the directory that the file is in.
func (r *remote) at(ctx context.Context, url string) (store.Store, string, error) {
	if rest, ok := strings.CutPrefix(url, r.root); ok {
		return r.store, under(r.prefix, strings.TrimRight(rest, "/")), nil
	}
	st, key, err := r.open(ctx, url)
	if err == nil {
		return st, key, nil
	}
	parent, name := cutURL(url)
	if st, prefix, e := r.open(ctx, parent); e == nil && name != "" {
		return st, under(prefix, name), nil
	}
	return nil, "", err
}

// cutURL cuts a URL before its last name. name is "" where the URL names a whole store.
func cutURL(url string) (parent, name string) {
	url = strings.TrimRight(url, "/")
	_, after, _ := strings.Cut(url, "://")
	i := strings.LastIndex(after, "/")
	if i < 0 {
		return url, ""
	}
	end := len(url) - len(after) + i
	if i == 0 { // of a scheme without a host: its parent is the root directory
		return url[:end+1], after[1:]
	}
	return url[:end], after[i+1:]
}

// inRoot is the name of the job's path p in the attempt's root.
func inRoot(p string) string { return strings.TrimPrefix(p, "/") }

// under is the key of a name below a prefix.
func under(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "/" + name
}
