package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/cause"
)

// An Entry is what a walk finds: a file, an empty directory, or something it cannot give.
type Entry struct {
	Path    string // relative to the root; a directory's ends with a slash
	Size    int64
	ModTime time.Time
	Change  time.Time // of inode: the ctime
	Mode    fs.FileMode
	Link    bool // the path's last element is a symlink that was followed
	// Err is why the entry is not given: ErrRefused for what a policy leaves out, else a failure.
	Err error

	dir int // descriptor of its directory, for Mark; 0 for none
}

// ErrRefused is what policy leaves out: a symlink that leaves the tree or leads nowhere, a file that is none, such as a
// socket, a name that would lead out of the tree.
var ErrRefused = cause.New(cause.Refused, "", "refused")

// Mark is the mark that the file was committed with; nil where it has none. It may be called during the walk only,
// before the next entry is asked for.
func (e *Entry) Mark() []byte {
	if e.dir == 0 || e.Link {
		return nil
	}
	_, name := split(e.Path)
	return markOf(e.dir, name)
}

// WalkOptions of a walk.
type WalkOptions struct {
	NoFollow bool   // pass over symlinks in silence
	Under    string // only this directory, "" for all; Path is relative to the root all the same
}

// Walk yields the files and empty directories in the byte order of their paths, as an object store lists keys. A
// problem with one entry is an entry with Err; the walk goes on. Memory is bounded by the largest directory: about the
// length of its names and 16 bytes for each.
func (t *Tree) Walk(ctx context.Context, o WalkOptions) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		w := &walker{ctx: ctx, t: t, o: o, yield: yield}
		rel := ""
		if o.Under != "" {
			rel = o.Under + "/"
		}
		info, err := t.root.Stat("./" + o.Under)
		if o.Under != "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir()) {
			return // nothing is under it
		}
		root, err := t.root.OpenRoot("./" + o.Under)
		if err != nil {
			w.fail(rel, "reading directory", err)
			return
		}
		defer root.Close()
		w.dir(root, rel, nil)
	}
}

type walker struct {
	ctx   context.Context
	t     *Tree
	o     WalkOptions
	yield func(Entry) bool
}

// inode identifies a directory, to notice a symlink that leads back up.
type inode struct{ dev, ino uint64 }

// dir walks one directory; rel is its path with a slash, or "". False is to stop.
func (w *walker) dir(root *os.Root, rel string, above []inode) bool {
	f, err := root.Open(".")
	if err != nil {
		return w.fail(rel, "reading directory", err)
	}
	defer f.Close()
	fd := int(f.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return w.fail(rel, "reading directory", err)
	}
	id := inode{uint64(st.Dev), st.Ino}
	for _, a := range above {
		if a == id {
			return w.refuse(rel, "is a symlink into a directory above itself")
		}
	}
	above = append(above[:len(above):len(above)], id)
	names, err := w.names(f, rel)
	if err != nil {
		return w.fail(rel, "reading directory", err)
	}
	if names.len() == 0 && rel != "" {
		return w.yield(Entry{Path: rel, Mode: modeOf(&st), ModTime: timeOf(st.Mtim), Change: timeOf(st.Ctim)})
	}
	for i := range names.len() {
		if w.ctx.Err() != nil {
			return false
		}
		name, kind := names.at(i)
		if !w.entry(root, fd, rel, name, kind, above) {
			return false
		}
	}
	return true
}

// names reads a directory and sorts it.
func (w *walker) names(f *os.File, rel string) (*nameList, error) {
	l := new(nameList)
	for {
		batch, err := f.ReadDir(1024)
		for _, e := range batch {
			if IsTemp(e.Name()) {
				continue
			}
			kind := kindOther
			switch m := e.Type(); {
			case m.IsRegular():
				kind = kindFile
			case m.IsDir():
				kind = kindDir
			case m&fs.ModeSymlink != 0:
				if w.o.NoFollow {
					continue
				}
				kind = kindLink
				if info, err := w.t.root.Stat(rel + e.Name()); err == nil && info.IsDir() {
					kind = kindDirLink
				}
			}
			l.add(e.Name(), kind)
		}
		if err == io.EOF {
			l.sort()
			return l, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Empty says whether a walk finds nothing in the open directory.
func Empty(dir *os.File) (bool, error) {
	for {
		names, err := dir.Readdirnames(64)
		for _, n := range names {
			if !IsTemp(n) {
				return false, nil
			}
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func (w *walker) entry(root *os.Root, fd int, rel, name string, kind nameKind, above []inode) bool {
	path := rel + name
	switch kind {
	case kindFile:
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if err == unix.ENOENT { // removed since the directory was read
				return true
			}
			return w.fail(path, "reading", err)
		}
		e := Entry{Path: path, Size: st.Size, ModTime: timeOf(st.Mtim), Change: timeOf(st.Ctim), Mode: modeOf(&st), dir: fd}
		return w.yield(e)
	case kindDir:
		sub, err := root.OpenRoot(name)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return true
			}
			return w.fail(path+"/", "reading directory", err)
		}
		defer sub.Close()
		return w.dir(sub, path+"/", above)
	case kindDirLink:
		sub, err := w.t.root.OpenRoot(path)
		if err != nil {
			return w.fail(path+"/", "reading directory", err)
		}
		defer sub.Close()
		return w.dir(sub, path+"/", above)
	case kindLink:
		return w.link(path)
	}
	return w.refuse(path, "is neither a file nor a directory")
}

// link yields the file a symlink leads to.
func (w *walker) link(path string) bool {
	info, err := w.t.root.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.refuse(path, "is a symlink that leads nowhere")
	case errors.Is(err, syscall.ELOOP):
		return w.refuse(path, "is a symlink that leads back to itself")
	case err != nil:
		return w.refuse(path, "is a symlink that leaves the tree")
	case !info.Mode().IsRegular():
		return w.refuse(path, "is a symlink to what is neither a file nor a directory")
	}
	e := Entry{Path: path, Size: info.Size(), ModTime: info.ModTime(), Mode: info.Mode(), Link: true}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		e.Change = time.Unix(st.Ctim.Sec, st.Ctim.Nsec)
	}
	return w.yield(e)
}

func (w *walker) refuse(path, why string) bool {
	return w.yield(Entry{Path: path, Err: fmt.Errorf("%w: %s %s", ErrRefused, strconv.Quote(path), why)})
}

func (w *walker) fail(path, doing string, err error) bool {
	named := path
	if named == "" {
		named = w.t.root.Name()
	}
	return w.yield(Entry{Path: path, Err: fmt.Errorf("%s %s: %w", doing, strconv.Quote(named), pathless(err))})
}

func timeOf(t unix.Timespec) time.Time { return time.Unix(t.Sec, t.Nsec) }

func modeOf(st *unix.Stat_t) fs.FileMode {
	m := fs.FileMode(st.Mode & 0o777)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		m |= fs.ModeDir
	}
	return m
}
