package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A shelf is the folder of ferry's own files below a local prefix. The prefix may belong to the person who asks for jobs, while ferry
// is root: what else that person puts there, links, pipes and folders under the names of ferry's files, must not be followed.
type shelf struct {
	*os.Root
	dir string
}

// ownDir is the name of the shelf in the local prefix.
const ownDir = ".ferry"

// openShelf opens the shelf, and makes it where make is set. fs.ErrNotExist where there is none.
func openShelf(prefix string, create bool) (*shelf, error) {
	dir := filepath.Join(prefix, ownDir)
	if create {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	mine, err1 := root.Stat(".")
	there, err2 := os.Lstat(dir)
	switch {
	case err1 != nil || err2 != nil || !os.SameFile(mine, there):
		err = fmt.Errorf("%s is a link or keeps changing", dir)
	case !own(mine) || mine.Mode().Perm()&0o022 != 0:
		err = fmt.Errorf("%s may be changed by others than the user that ferry runs as", dir)
	default:
		return &shelf{Root: root, dir: dir}, nil
	}
	_ = root.Close()
	return nil, err
}

// own reports whether a file is of the user that ferry runs as.
func own(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}

// errForeign is the error of a file that ferry has not made.
var errForeign = errors.New("not a file of ferry's")

// open opens a file on the shelf that is a regular file of ferry's own.
func open(root *os.Root, name string, flags int) (*os.File, error) {
	f, err := root.OpenFile(name, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.EISDIR) {
		return nil, fmt.Errorf("%q: %w", name, errForeign)
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && (!st.Mode().IsRegular() || !own(st)) {
		err = fmt.Errorf("%q: %w", name, errForeign)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// smallMax bounds how many bytes are read of a small file.
const smallMax = 1 << 16

// read reads a small file of ferry's own.
func read(root *os.Root, name string) ([]byte, error) {
	f, err := open(root, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	return readAtMost(f, smallMax)
}

// errLarge is the error of a file that is larger than ferry writes it.
var errLarge = errors.New("too large for a file of ferry's")

func readAtMost(f *os.File, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = errLarge
	}
	return data, err
}
