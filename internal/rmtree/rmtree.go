package rmtree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxDepth is how deep a tree is removed from within, at two descriptors a level.
const maxDepth = 32

// All removes what is at path, with all below it. It follows no link. Nothing at path is no error. Where something cannot be
// removed, All goes on with the rest, and the error is the first.
func All(path string) error {
	err := unix.Unlink(path)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	top, e := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if e == unix.ENOTDIR || e == unix.ELOOP {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	if e != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: e}
	}
	defer func() { _ = unix.Close(top) }() // nothing was written
	if err := empty(top); err != nil {
		return &fs.PathError{Op: "remove in", Path: path, Err: err}
	}
	return os.Remove(path)
}

// Below removes what is at name in root, as All does.
func Below(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return root.Remove(name)
	}
	dir, err := root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := empty(int(dir.Fd())); err != nil {
		return &fs.PathError{Op: "remove in", Path: name, Err: err}
	}
	return root.Remove(name)
}

// empty removes all that is in the directory top.
func empty(top int) error {
	r := remover{top: top}
	for again := true; again; again = r.lifted && r.err == nil {
		r.lifted = false
		r.empty(top, 1)
	}
	return r.err
}

// A remover empties one directory.
type remover struct {
	top    int // its descriptor
	lifted bool
	n      int // of names given to lifted directories
	err    error
}

// empty removes all that is in a directory. A directory that is too deep is moved up to top instead.
func (r *remover) empty(dir, depth int) {
	again, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		r.fail(err)
		return
	}
	f := os.NewFile(uintptr(again), ".")
	defer func() { _ = f.Close() }()
	for removed := true; removed; {
		removed = false
		for {
			list, err := f.ReadDir(1024)
			for _, e := range list {
				removed = r.entry(dir, e, depth) || removed
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				r.fail(err)
				return
			}
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil || depth == 1 && r.lifted {
			r.fail(err)
			return // top is looked at again
		}
	}
}

// entry removes one entry of a directory, and reports whether it is not there any more.
func (r *remover) entry(dir int, e fs.DirEntry, depth int) bool {
	err := unix.Unlinkat(dir, e.Name(), 0)
	if err == nil || err == unix.ENOENT {
		return true
	}
	sub, e2 := unix.Openat(dir, e.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if e2 != nil {
		if e.IsDir() {
			err = e2
		}
		r.fail(err)
		return false
	}
	defer func() { _ = unix.Close(sub) }()
	if depth == maxDepth {
		return r.lift(dir, e.Name())
	}
	r.empty(sub, depth+1)
	if err := unix.Unlinkat(dir, e.Name(), unix.AT_REMOVEDIR); err != nil {
		r.fail(err)
		return false
	}
	return true
}

// lift moves a directory up to top.
func (r *remover) lift(dir int, name string) bool {
	for {
		r.n++
		err := unix.Renameat(dir, name, r.top, ".ferry-flat-"+strconv.Itoa(r.n)) // one that is there and empty may go
		if err == unix.EEXIST || err == unix.ENOTEMPTY || err == unix.ENOTDIR {
			continue
		}
		if err != nil {
			r.fail(err)
			return false
		}
		r.lifted = true
		return true
	}
}

func (r *remover) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
