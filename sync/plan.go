package sync

import (
	"context"
	"iter"
	"strings"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// A pair is a path that is in the store, in the tree, or in both.
type pair struct {
	path string
	obj  *store.Object // nil: only in the tree
	file *tree.Entry   // nil: only in the store
}

// merge walks the listing and the tree together, both being in the order of paths, and yields each path once. A tree's
// entry may be looked at (Mark) until the next pair. An error is the listing's and ends it. Neither is ever held whole.
func merge(ctx context.Context, objects iter.Seq2[store.Object, error], prefix string, files iter.Seq[tree.Entry]) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		next, stop := iter.Pull(files)
		defer stop()
		file, more := next()
		for o, err := range objects {
			if err != nil {
				yield(pair{}, err)
				return
			}
			path := o.Key[len(prefix):]
			for more && file.Path < path {
				if !yield(pair{path: file.Path, file: &file}, nil) {
					return
				}
				file, more = next()
			}
			p := pair{path: path, obj: &o}
			if more && file.Path == path {
				p.file = &file
			}
			inside := more && strings.HasSuffix(path, "/") && strings.HasPrefix(file.Path, path)
			if inside && p.file == nil { // the directory is there, and not empty
				p.file = &tree.Entry{Path: path}
			}
			if !yield(p, nil) {
				return
			}
			if more && file.Path == path {
				file, more = next()
			}
		}
		for more && ctx.Err() == nil {
			if !yield(pair{path: file.Path, file: &file}, nil) {
				return
			}
			file, more = next()
		}
	}
}

// needDown decides whether the object is to be downloaded over the file, and why. It is the AWS CLI's rule: same size, and
// a file that is not newer than the object, is the same; but what a mark says is certain.
func (o *Options) needDown(f *tree.Entry, obj store.Object) (bool, string) {
	switch {
	case f == nil:
		return true, "not there"
	case o.Manner.Always:
		return true, "asked for"
	case f.Err != nil:
		return true, "no file there"
	case isDir(obj.Key):
		return false, "directory is there"
	case f.Size != obj.Size:
		return true, "size differs"
	case o.SizeOnly:
		return false, "same size"
	}
	if o.Preserve {
		switch judge(f, obj) {
		case same:
			return false, "unchanged since it was fetched"
		case changedHere:
			return true, "file changed since it was fetched"
		case changedThere:
			return true, "object changed since it was fetched"
		}
	}
	if o.ExactTimestamps {
		if f.ModTime.Unix() == obj.ModTime.Unix() {
			return false, "same size and time"
		}
		return true, "time differs"
	}
	if f.ModTime.After(obj.ModTime) {
		return true, "file is newer than the object"
	}
	return false, "same size, and file is not newer"
}

// needUp decides whether the file is to be sent over the object.
func (o *Options) needUp(f *tree.Entry, obj *store.Object) (bool, string) {
	switch {
	case o.Manner.Always:
		return true, "asked for"
	case obj == nil:
		return true, "not there"
	case isDir(f.Path):
		return false, "directory is there"
	case f.Size != obj.Size:
		return true, "size differs"
	case o.SizeOnly:
		return false, "same size"
	}
	if o.Preserve {
		switch judge(f, *obj) {
		case same:
			return false, "unchanged since it was fetched"
		case changedHere:
			return true, "file changed since it was fetched"
		}
	}
	if f.ModTime.After(obj.ModTime) {
		return true, "file is newer than the object"
	}
	return false, "same size, and file is not newer"
}

func isDir(path string) bool { return strings.HasSuffix(path, "/") }
