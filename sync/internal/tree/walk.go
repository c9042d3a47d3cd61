package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
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

// ErrUnstorable is what has content that no store takes under its name. It is an ErrRefused, too.
var ErrUnstorable = fmt.Errorf("%w: cannot be stored", ErrRefused)

// Mark is the mark that the file was committed with; nil where it has none. can says whether its file system keeps marks. It may be
// called during the walk only, before the next entry is asked for.
func (e *Entry) Mark() (mark []byte, can bool) {
	if e.dir == 0 || e.Link {
		return nil, true
	}
	_, name := split(e.Path)
	return markOf(e.dir, name)
}

// WalkOptions of a walk.
type WalkOptions struct {
	NoFollow bool   // pass over symlinks in silence
	Sweep    bool   // remove what killed processes left of files that they wrote
	Under    string // only this directory, "" for all; Path is relative to the root all the same
}

// Bounds of what a walk takes on, whatever a module has made. No store takes a key of more than 1024 bytes, so nothing below a
// longer path can be stored, and the depth is bounded by that.
const (
	maxPath  = 1024     // bytes of a directory's path
	maxWays  = 8        // symlinks that are followed to one directory
	maxNames = 24 << 20 // bytes of names in memory
	minNames = 64 << 10 // bytes of names that each directory may have in memory
)

// Walk yields the files and empty directories in the byte order of their paths, as an object store lists keys. A
// problem with one entry is an entry with Err; the walk goes on. Memory is bounded: of directories with many names only some
// are in memory, and the directory is read again for the next.
func (t *Tree) Walk(ctx context.Context, o WalkOptions) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		w := &walker{ctx: ctx, t: t, o: o, yield: yield, ways: map[inode]int{}}
		rel := ""
		if o.Under != "" {
			rel = o.Under + "/"
		}
		info, err := t.root.Stat("./" + o.Under)
		if o.Under != "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir()) {
			return // nothing is under it
		}
		f, err := t.root.OpenFile("./"+o.Under, os.O_RDONLY|syscall.O_DIRECTORY, 0)
		if err != nil {
			w.fail(rel, "reading directory", err)
			return
		}
		w.dir(f, rel, false)
	}
}

type walker struct {
	ctx   context.Context
	t     *Tree
	o     WalkOptions
	yield func(Entry) bool

	above []inode       // the directories that the walk is in
	ways  map[inode]int // how many symlinks to a directory were followed
	held  int           // bytes of names in memory
}

// inode identifies a directory, to notice a symlink that leads back up.
type inode struct{ dev, ino uint64 }

// dir walks one directory and closes f; rel is its path with a slash, or "". link says that a symlink led here. False is to stop.
func (w *walker) dir(f *os.File, rel string, link bool) bool {
	defer func() { _ = f.Close() }() // it is only read
	fd := int(f.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return w.fail(rel, "reading directory", err)
	}
	id := inode{uint64(st.Dev), st.Ino}
	switch {
	case slices.Contains(w.above, id):
		return w.refuse(rel, "is a symlink into a directory above itself")
	case len(rel) > maxPath:
		return w.yield(Entry{Path: rel, Err: fmt.Errorf("%w: %s is deeper than any key can be", ErrUnstorable, strconv.Quote(rel))})
	case link && w.ways[id] == maxWays:
		return w.refuse(rel, fmt.Sprintf("is a symlink to a directory to which %d others were followed", maxWays))
	case link:
		w.ways[id]++
	}
	w.above = append(w.above, id)
	defer func() { w.above = w.above[:len(w.above)-1] }()
	for after, more := "", true; more; {
		var names *nameList
		var err error
		if names, more, err = w.names(f, rel, after); err != nil {
			return w.fail(rel, "reading directory", err)
		}
		if names.len() == 0 {
			if rel == "" || after != "" {
				return true
			}
			return w.yield(Entry{Path: rel, Mode: modeOf(&st), ModTime: timeOf(st.Mtim), Change: timeOf(st.Ctim)})
		}
		after = string(names.key(names.len() - 1))
		if !w.some(fd, rel, names) {
			return false
		}
	}
	return true
}

// some walks some names of a directory.
func (w *walker) some(fd int, rel string, names *nameList) bool {
	w.held += names.size()
	defer func() { w.held -= names.size() }()
	for i := range names.len() {
		if w.ctx.Err() != nil {
			return false
		}
		name, kind := names.at(i)
		if !w.entry(fd, rel, name, kind) {
			return false
		}
	}
	return true
}

// names reads a directory and sorts its first names after a key. more says that there are others.
func (w *walker) names(f *os.File, rel, after string) (l *nameList, more bool, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, false, err
	}
	l = new(nameList)
	limit, last := max((maxNames-w.held)/2, minNames), ""
	for {
		batch, err := f.ReadDir(1024)
		for _, e := range batch {
			if IsTemp(e.Name()) {
				if w.o.Sweep {
					sweep(int(f.Fd()), e.Name())
				}
				continue
			}
			kind, ok := w.kind(rel, e)
			if key := keyOf(e.Name(), kind); ok && (after == "" || key > after) && (!more || key < last) {
				l.add(e.Name(), kind)
			}
		}
		if l.size() > limit {
			l.sort()
			l.cut(limit / 2)
			last, more = string(l.key(l.len()-1)), true // what comes after it is for another time
		}
		if err == io.EOF {
			l.sort()
			return l, more, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// kind is what an entry of a directory is; false for what is passed over.
func (w *walker) kind(rel string, e fs.DirEntry) (nameKind, bool) {
	switch m := e.Type(); {
	case m.IsRegular():
		return kindFile, true
	case m.IsDir():
		return kindDir, true
	case m&fs.ModeSymlink == 0:
		return kindOther, true
	case w.o.NoFollow:
		return 0, false
	}
	if _, _, info, err := w.t.target(rel + e.Name()); err == nil && info.IsDir() {
		return kindDirLink, true
	}
	return kindLink, true
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

func (w *walker) entry(fd int, rel, name string, kind nameKind) bool {
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
		sub, err := retry(func() (int, error) {
			return unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		})
		if err != nil {
			if err == unix.ENOENT {
				return true
			}
			return w.fail(path+"/", "reading directory", err)
		}
		return w.dir(os.NewFile(uintptr(sub), name), path+"/", false)
	case kindDirLink:
		r, n, _, err := w.t.target(path)
		if err != nil {
			return w.fail(path+"/", "reading directory", err)
		}
		sub, err := r.OpenFile(n, os.O_RDONLY|syscall.O_DIRECTORY, 0)
		if err != nil {
			return w.fail(path+"/", "reading directory", err)
		}
		return w.dir(sub, path+"/", true)
	case kindLink:
		return w.link(path)
	}
	return w.refuse(path, "is neither a file nor a directory")
}

// link yields the file a symlink leads to.
func (w *walker) link(path string) bool {
	_, _, info, err := w.t.target(path)
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
