package tree

import (
	"context"
	"io/fs"
	"iter"
	"time"

	"golang.org/x/sys/unix"
)

// A Leftover is a file in the making whose writer is dead.
type Leftover struct {
	Path string
	Last time.Time // when it was last written to
	Size int64
}

// Leftovers yields those in the directory under, "" for the whole tree, and below it. It follows no symlink. An error is of one directory; the
// others come all the same.
func (t *Tree) Leftovers(ctx context.Context, under string) iter.Seq2[Leftover, error] {
	return func(yield func(Leftover, error) bool) {
		if under == "" {
			under = "."
		}
		_ = fs.WalkDir(t.root.FS(), under, func(path string, d fs.DirEntry, err error) error { // of which only the end comes back
			switch {
			case ctx.Err() != nil:
				yield(Leftover{}, context.Cause(ctx))
				return fs.SkipAll
			case err != nil:
				if !yield(Leftover{}, Pathless(err)) {
					return fs.SkipAll
				}
				return nil
			case !d.Type().IsRegular() || !IsTemp(d.Name()):
				return nil
			}
			if l, dead := t.leftover(path); dead && !yield(l, nil) {
				return fs.SkipAll
			}
			return nil
		})
	}
}

// leftover looks at a file in the making. Its lock is held for a moment; a writer that meets it takes another name.
func (t *Tree) leftover(path string) (l Leftover, dead bool) {
	f, err := t.root.OpenFile(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return l, false
	}
	defer func() { _ = f.Close() }() // it was not written
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return l, false
	}
	return Leftover{Path: path, Last: info.ModTime(), Size: info.Size()}, true
}

// RemoveLeftover removes one, unless it is gone or somebody writes it; then removed is false.
func (t *Tree) RemoveLeftover(path string) (removed bool, err error) {
	above, name := split(path)
	d, err := t.Dir(above, false)
	if err != nil {
		return false, err
	}
	defer d.Release()
	if !IsTemp(name) {
		return false, nil
	}
	if _, dead := t.leftover(path); !dead {
		return false, nil
	}
	return true, d.Remove(name)
}
