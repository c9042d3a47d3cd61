package apptainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/tartree"
)

// A container whose files are written or read has a copy of its image's files of its own: an image cannot be written, and what a module
// wrote lies over it in a directory apart. Copying takes seconds, so only who needs it pays for it.

var (
	_ engine.Copier = (*container)(nil)
	_ engine.Copier = (*stranger)(nil)
)

// files makes the container's own copy, if it has none yet, and opens it. It is the image's with what the module changed.
func (d *depot) files(ctx context.Context, r *record) (*os.Root, error) {
	dir := filepath.Join(d.path(r.ID), rootfsName)
	if !r.Own {
		if r.running() {
			return nil, fmt.Errorf("%q runs: its files can be copied before it starts and once it has ended", r.ID)
		}
		if err := remove(dir); err != nil { // of one that was killed
			return nil, err
		}
		if err := d.unpack(ctx, r.At, dir); err != nil {
			return nil, err
		}
		if err := layOver(filepath.Join(d.path(r.ID), overlayName, "upper"), dir); err != nil {
			return nil, fmt.Errorf("copying what the module wrote: %w", err)
		}
		r.Own = true
		if err := d.write(r); err != nil {
			return nil, err
		}
	}
	return os.OpenRoot(dir)
}

// layOver moves what an overlay has to where the image's files are, as the kernel would show it.
// https://docs.kernel.org/filesystems/overlayfs.html
func layOver(upper, lower string) error {
	entries, err := os.ReadDir(upper)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range entries {
		over, under := filepath.Join(upper, d.Name()), filepath.Join(lower, d.Name())
		st, err := d.Info()
		if err != nil {
			return err
		}
		sys, _ := st.Sys().(*syscall.Stat_t)
		there, err := os.Lstat(under)
		merges := err == nil && there.IsDir() && st.IsDir() && !opaque(over)
		switch {
		case st.Mode()&fs.ModeCharDevice != 0 && sys != nil && sys.Rdev == 0: // deleted
			err = remove(under)
		case merges:
			if err = os.Chmod(under, 0o700|there.Mode().Perm()); err == nil {
				err = layOver(over, under)
			}
			if err == nil {
				err = os.Chmod(under, st.Mode()&(fs.ModePerm|fs.ModeSticky|fs.ModeSetgid))
			}
		default:
			if err = remove(under); err == nil {
				err = os.Rename(over, under)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// opaque reports whether a directory of an overlay hides the image's of that name.
func opaque(dir string) bool {
	for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		b := make([]byte, 8)
		if n, err := unix.Lgetxattr(dir, name, b); err == nil && string(b[:n]) == "y" {
			return true
		}
	}
	return false
}

// within gives the name in root of a path of a container, with all links on the way followed as in the container. The last name is not
// followed. fs.ErrNotExist.
func within(root *os.Root, p string) (string, error) {
	rest := strings.Split(strings.Trim(path.Clean("/"+p), "/"), "/")
	at := ""
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = strings.TrimPrefix(path.Dir("/"+at), "/")
			continue
		}
		here := path.Join(at, name)
		if len(rest) == 0 {
			at = here
			break
		}
		st, err := root.Lstat(here)
		if err != nil {
			return "", err
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			at = here
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "follow", Path: p, Err: syscall.ELOOP}
		}
		to, err := root.Readlink(here)
		if err != nil {
			return "", err
		}
		if path.IsAbs(to) {
			at = ""
		}
		rest = append(strings.Split(strings.Trim(to, "/"), "/"), rest...)
	}
	if at == "" {
		return ".", nil
	}
	return at, nil
}

func (d *depot) copyIn(ctx context.Context, r *record, dir string, tar io.Reader) error {
	root, err := d.files(ctx, r)
	if err != nil {
		return err
	}
	defer root.Close()
	name, err := within(root, path.Join(dir, "."))
	if err != nil {
		return err
	}
	if name, err = within(root, name+"/."); err != nil {
		return err
	}
	at, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer at.Close()
	x := tartree.Extractor{Root: at, Owners: os.Geteuid() == 0}
	return full(x.Extract(ctx, tar))
}

func (d *depot) copyOut(ctx context.Context, r *record, p string) (io.ReadCloser, error) {
	root, err := d.files(ctx, r)
	if err != nil {
		return nil, err
	}
	name, err := within(root, p)
	if err == nil {
		_, err = root.Lstat(name)
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	as := path.Base(path.Clean("/" + p))
	if as == "/" {
		as = "."
	}
	return tartree.Stream(func(w *tartree.Writer) error {
		defer root.Close()
		return w.Tree(ctx, root, name, as, false)
	}), nil
}

func (d *depot) lstat(ctx context.Context, r *record, p string) (fs.FileMode, error) {
	root, err := d.files(ctx, r)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	name, err := within(root, p)
	if err != nil {
		return 0, err
	}
	st, err := root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return st.Mode(), nil
}

// CopyIn unpacks a tar stream at the directory dir.
func (c *container) CopyIn(ctx context.Context, dir string, tar io.Reader) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.depot.copyIn(ctx, &c.record, dir, tar)
}

// CopyOut streams the tree at path.
func (c *container) CopyOut(ctx context.Context, path string) (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.depot.copyOut(ctx, &c.record, path)
}

// Lstat is the mode of what is at path.
func (c *container) Lstat(ctx context.Context, path string) (fs.FileMode, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.depot.lstat(ctx, &c.record, path)
}

// CopyIn unpacks a tar stream at the directory dir.
func (s *stranger) CopyIn(ctx context.Context, dir string, tar io.Reader) error {
	return s.engine.depot.copyIn(ctx, &s.record, dir, tar)
}

// CopyOut streams the tree at path.
func (s *stranger) CopyOut(ctx context.Context, path string) (io.ReadCloser, error) {
	return s.engine.depot.copyOut(ctx, &s.record, path)
}

// Lstat is the mode of what is at path.
func (s *stranger) Lstat(ctx context.Context, path string) (fs.FileMode, error) {
	return s.engine.depot.lstat(ctx, &s.record, path)
}

// makeMountPoints makes what mounts are mounted on in a container's own files, where apptainer makes none.
func makeMountPoints(dir string, mounts []engine.Mount) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, m := range mounts {
		st, err := os.Stat(m.Source)
		if err != nil {
			return err
		}
		at := strings.Trim(path.Clean(m.Target), "/")
		if at == "" {
			continue
		}
		if _, err := root.Stat(at); err == nil {
			continue
		}
		if st.IsDir() {
			if err := root.MkdirAll(at, 0o755); err != nil {
				return err
			}
			continue
		}
		if d := path.Dir(at); d != "." {
			if err := root.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		f, err := root.OpenFile(at, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
