package tree

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// tempPrefix begins the names of files that are being written. Walks pass over such files, so that what a killed
// process left is never taken for data.
const tempPrefix = ".ferry-part-"

// IsTemp says whether name, without directories, is one that a file has while it is written.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

var temps atomic.Uint64

// A File is a file being written. It has a temporary name until Commit.
type File struct {
	dir  *Dir
	name string // final
	temp string
	f    *os.File
}

// Create begins the file at path, in a directory that is made where it is missing.
func (t *Tree) Create(path string) (*File, error) {
	above, name := split(path)
	d, err := t.Dir(above, true)
	if err != nil {
		return nil, err
	}
	temp := tempPrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatUint(temps.Add(1), 36)
	f, err := d.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		d.Release()
		return nil, fmt.Errorf("writing %s: %w", strconv.Quote(path), cause(err))
	}
	return &File{dir: d, name: name, temp: temp, f: f}, nil
}

func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	return n, f.named(err)
}

// WriteAt may be called concurrently.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	return n, f.named(err)
}

func (f *File) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing %s: %w", strconv.Quote(join(f.dir.path, f.name)), cause(err))
}

// Attributes are what a file gets besides its content.
type Attributes struct {
	Perm    fs.FileMode // where HasPerm
	HasPerm bool
	ModTime time.Time // zero leaves it
	Mark    []byte    // kept with the file where the file system can, see Entry.Mark; nil for none
}

// Commit gives the file its attributes and its name, replacing what has it. After an error nothing is left.
func (f *File) Commit(a Attributes) error {
	if err := f.finish(a); err != nil {
		f.remove()
		return f.named(err)
	}
	f.dir.Release()
	return nil
}

func (f *File) finish(a Attributes) error {
	fd := int(f.f.Fd())
	if a.HasPerm {
		if err := unix.Fchmod(fd, uint32(a.Perm)); err != nil {
			f.f.Close()
			return err
		}
	}
	if a.Mark != nil {
		setMark(fd, a.Mark)
	}
	if !a.ModTime.IsZero() {
		if err := setTime(fd, a.ModTime); err != nil {
			f.f.Close()
			return err
		}
	}
	if err := f.f.Close(); err != nil {
		return err
	}
	return f.dir.root.Rename(f.temp, f.name)
}

// Abort removes what was written.
func (f *File) Abort() {
	f.f.Close()
	f.remove()
}

func (f *File) remove() {
	f.dir.root.Remove(f.temp)
	f.dir.Release()
}
