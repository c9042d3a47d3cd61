package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Tree is safe for concurrent use.
type Tree struct {
	root  *os.Root
	links *Links // nil for what lies in the tree only

	mu   sync.Mutex
	dirs map[string]*Dir // open ones, by path
	idle []*Dir          // of dirs those that nobody uses, the longest idle first
}

// maxIdle bounds the open directories that nobody uses; keys come sorted, so few are wanted again.
const maxIdle = 64

// New makes a Tree of root, which stays the caller's to close.
func New(root *os.Root) *Tree { return &Tree{root: root, dirs: map[string]*Dir{}} }

// Close closes what the Tree opened. Nothing may be in use.
func (t *Tree) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range t.idle {
		d.close()
	}
	t.idle, t.dirs = nil, map[string]*Dir{}
}

// Root is the root.
func (t *Tree) Root() *os.Root { return t.root }

// A Dir is an open directory of the tree. Release it after use.
type Dir struct {
	t      *Tree
	path   string // "" for the root
	root   *os.Root
	file   *os.File // the same, as a descriptor
	handle int      // of file
	refs   int
	wait   chan struct{} // closed once opened
	err    error
	swept  sync.Once // before the first file is made in it
}

// ErrLink is a path that leads through a symlink.
var ErrLink = errors.New("leads through a symlink")

// ErrNotWritable is a root in which nothing can be made.
var ErrNotWritable = errors.New("the directory above is not writable")

// Dir opens the directory at path, "" being the root, and makes it where create is set. A path through a symlink is
// ErrLink.
func (t *Tree) Dir(path string, create bool) (*Dir, error) {
	t.mu.Lock()
	if d, ok := t.dirs[path]; ok {
		if d.refs == 0 {
			t.wake(d)
		}
		d.refs++
		t.mu.Unlock()
		<-d.wait
		if d.err != nil {
			return nil, d.err
		}
		return d, nil
	}
	d := &Dir{t: t, path: path, refs: 1, wait: make(chan struct{})}
	t.dirs[path] = d
	t.mu.Unlock()

	d.err = d.open(create)
	if d.err != nil {
		t.mu.Lock()
		delete(t.dirs, path) // another may make it
		t.mu.Unlock()
	}
	close(d.wait)
	if d.err != nil {
		return nil, d.err
	}
	return d, nil
}

func (d *Dir) open(create bool) (err error) {
	if d.path == "" {
		d.root = d.t.root
	} else {
		above, name := split(d.path)
		parent, err := d.t.Dir(above, create)
		if err != nil {
			return err
		}
		defer parent.Release()
		if d.root, err = parent.sub(name, create); err != nil {
			return err
		}
	}
	if d.file, err = d.root.Open("."); err != nil {
		d.close()
		return err
	}
	d.handle = int(d.file.Fd())
	return nil
}

// sub opens the directory name in d.
func (d *Dir) sub(name string, create bool) (*os.Root, error) {
	if create {
		if err := d.root.Mkdir(name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making directory %s: %w", d.quoted(name), d.writable(pathless(err)))
		}
	}
	info, err := d.root.Lstat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("opening directory %s: %w", d.quoted(name), pathless(err))
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%s %w", d.quoted(name), ErrLink)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file where a directory must be: %w", d.quoted(name), syscall.ENOTDIR)
	}
	r, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("opening directory %s: %w", d.quoted(name), pathless(err))
	}
	return r, nil
}

// quoted is a name in d for messages.
func (d *Dir) quoted(name string) string {
	return strconv.Quote(filepath.Join(d.t.root.Name(), d.path, name))
}

// writable makes a refusal to write in the root itself an ErrNotWritable: no other file would fare better.
func (d *Dir) writable(err error) error {
	if d.path == "" && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return err
}

// Release says that the caller is done with d.
func (d *Dir) Release() {
	t := d.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if d.refs--; d.refs > 0 {
		return
	}
	t.idle = append(t.idle, d)
	if len(t.idle) > maxIdle {
		old := t.idle[0]
		t.idle = t.idle[1:]
		delete(t.dirs, old.path)
		old.close()
	}
}

// wake takes d from the idle ones.
func (t *Tree) wake(d *Dir) {
	for i, o := range t.idle {
		if o == d {
			t.idle = append(t.idle[:i:i], t.idle[i+1:]...)
			return
		}
	}
}

func (d *Dir) close() {
	if d.file != nil {
		_ = d.file.Close() // a directory, in which nothing can be lost
	}
	if d.root != nil && d.root != d.t.root {
		d.root.Close()
	}
}

// fd is the directory's descriptor.
func (d *Dir) fd() int { return d.handle }

// Remove removes the file name.
func (d *Dir) Remove(name string) error { return d.root.Remove(name) }

// split cuts a path before its last element.
func split(path string) (dir, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// Split is split for callers that open the directory themselves.
func Split(path string) (dir, name string) { return split(path) }

// pathless is err without the path that a PathError puts before it, which messages give better.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// Pathless is pathless for other packages' messages.
func Pathless(err error) error { return pathless(err) }

// MakeDir makes the directory at path where it is missing. perm 0 and the zero time leave what the system gives. Its
// owner can always write in it, so that files which belong into it can follow.
func (t *Tree) MakeDir(path string, perm fs.FileMode, mod time.Time) error {
	d, err := t.Dir(path, true)
	if err != nil {
		return err
	}
	defer d.Release()
	fd := d.handle
	if perm != 0 {
		if err := unix.Fchmod(fd, uint32(perm|0o700)); err != nil {
			return fmt.Errorf("making directory %s: %w", strconv.Quote(path), err)
		}
	}
	if !mod.IsZero() {
		if err := setTime(fd, mod); err != nil {
			return fmt.Errorf("making directory %s: %w", strconv.Quote(path), err)
		}
	}
	return nil
}
