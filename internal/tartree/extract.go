package tartree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/genepattern/ferry/internal/rmtree"
)

// ErrRefused is an entry that would leave the destination, or is none a stream may bring.
var ErrRefused = errors.New("refused")

// An Extractor unpacks a tar stream into a directory. It is for one goroutine and one stream.
type Extractor struct {
	Root *os.Root // nothing outside is read or written, whatever the stream holds
	// Strip is how many leading elements of a name are taken off; an entry that has no more than those is left out.
	Strip int
	// Skip leaves an entry out; name is the one in Root. nil leaves out nothing.
	Skip func(name string) bool
	// Warn is told of entries that are left out for what they are. May be nil.
	Warn func(format string, args ...any)
	// Owners keeps the owners in the stream, which takes root's rights.
	Owners bool

	buf  []byte
	real string     // the directory that was last found to be one, with no link on the way to it
	deep bool       // something was left out for its depth
	open []dirTimes // directories whose times are set once what is in them is written, outermost first
}

type dirTimes struct {
	name  string
	mode  fs.FileMode
	mtime time.Time
}

// Extract unpacks the stream. An entry that policy refuses ends it with ErrRefused: a stream that holds one is not to be
// trusted. A file that is there already with the same content and time is left as it is.
func (x *Extractor) Extract(ctx context.Context, r io.Reader) error {
	x.buf, x.real, x.open, x.deep = make([]byte, bufferSize), "", nil, false
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return x.leave("")
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("reading the stream of files: %w", err)
		}
		if len(h.Name) > maxPath {
			x.tooDeep(h.Name)
			continue
		}
		name, ok, err := x.local(h.Name)
		if err != nil {
			return err
		}
		if !ok || x.Skip != nil && x.Skip(name) {
			continue
		}
		if err := x.leave(name); err != nil {
			return err
		}
		if err := x.entry(tr, h, name); err != nil {
			return fmt.Errorf("unpacking %q: %w", name, err)
		}
	}
}

// tooDeep leaves out what no path can reach. One warning says so for all.
func (x *Extractor) tooDeep(entry string) {
	if !x.deep && x.Warn != nil {
		x.Warn("%q… is deeper than a path can be, and is left out", entry[:100])
	}
	x.deep = true
}

// local is the name in Root of an entry's name; false for what is stripped off whole.
func (x *Extractor) local(entry string) (string, bool, error) {
	name := path.Clean(strings.TrimSuffix(entry, "/"))
	if !filepath.IsLocal(name) || strings.Contains(name, "\x00") {
		return "", false, fmt.Errorf("entry %q: %w: it leaves the destination", entry, ErrRefused)
	}
	parts := strings.Split(name, "/")
	if name == "." {
		parts = nil
	}
	if len(parts) <= x.Strip {
		return "", false, nil
	}
	return path.Join(parts[x.Strip:]...), true, nil
}

func (x *Extractor) entry(tr *tar.Reader, h *tar.Header, name string) error {
	if err := x.parents(path.Dir(name)); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return x.dir(h, name)
	case tar.TypeReg:
		return x.file(tr, h, name)
	case tar.TypeSymlink:
		return x.symlink(h, name)
	case tar.TypeLink:
		return x.hardlink(h, name)
	}
	if x.Warn != nil {
		x.Warn("%q is neither a file nor a link nor a directory and is left out", name)
	}
	return nil
}

// parents makes sure that every element of dir is a directory and no link: a link that the stream brought must not
// carry later entries elsewhere, not even within Root.
func (x *Extractor) parents(dir string) error {
	if dir == "." || dir == x.real {
		return nil
	}
	if err := x.parents(path.Dir(dir)); err != nil {
		return err
	}
	st, err := x.Root.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = x.Root.Mkdir(dir, 0o755)
	case err == nil && !st.IsDir():
		err = fmt.Errorf("%w: %q is no directory", ErrRefused, dir)
	}
	if err == nil {
		x.real = dir
	}
	return err
}

func (x *Extractor) dir(h *tar.Header, name string) error {
	st, err := x.Root.Lstat(name)
	if err == nil && !st.IsDir() {
		if err = x.clear(name); err == nil {
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = x.Root.Mkdir(name, 0o700)
	} else if err == nil && st.Mode().Perm()&0o700 != 0o700 {
		err = x.Root.Chmod(name, 0o700) // until leave, so that what is in it can be written
	}
	if err == nil {
		err = x.chown(h, name)
	}
	if err == nil {
		x.open = append(x.open, dirTimes{name, h.FileInfo().Mode().Perm(), h.ModTime})
	}
	return err
}

// leave gives the directories that next is not in their modes and times.
func (x *Extractor) leave(next string) error {
	for n := len(x.open); n > 0; n-- {
		d := x.open[n-1]
		if next != "" && strings.HasPrefix(next, d.name+"/") {
			return nil
		}
		x.open = x.open[:n-1]
		err := x.Root.Chmod(d.name, d.mode)
		if err == nil {
			err = x.Root.Chtimes(d.name, d.mtime, d.mtime)
		}
		if err != nil {
			return fmt.Errorf("unpacking %q: %w", d.name, err)
		}
	}
	return nil
}

func (x *Extractor) symlink(h *tar.Header, name string) error {
	if was, err := x.Root.Readlink(name); err == nil && was == h.Linkname {
		return nil
	}
	if err := x.clear(name); err != nil {
		return err
	}
	if err := x.Root.Symlink(h.Linkname, name); err != nil {
		return err
	}
	return x.chown(h, name)
}

// hardlink links to a file that the stream brought before.
func (x *Extractor) hardlink(h *tar.Header, name string) error {
	old, ok, err := x.local(h.Linkname)
	if err != nil || !ok {
		return fmt.Errorf("%w: it links to %q", ErrRefused, h.Linkname)
	}
	if err := x.parents(path.Dir(old)); err != nil {
		return err
	}
	st, err := x.Root.Lstat(old)
	if x.Skip != nil && x.Skip(old) && (err != nil || !st.Mode().IsRegular()) {
		if x.Warn != nil {
			x.Warn("%q is a hard link to %q, which is left out, and so it is left out too", name, old)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%w: it links to %q, which is no file", ErrRefused, h.Linkname)
	}
	if there, err := x.Root.Lstat(name); err == nil && os.SameFile(st, there) {
		return nil
	}
	if err := x.clear(name); err != nil {
		return err
	}
	return x.Root.Link(old, name)
}

// clear removes whatever is at name.
func (x *Extractor) clear(name string) error {
	x.real = ""
	return rmtree.Below(x.Root, name)
}

func (x *Extractor) chown(h *tar.Header, name string) error {
	if !x.Owners {
		return nil
	}
	return x.Root.Lchown(name, h.Uid, h.Gid)
}
