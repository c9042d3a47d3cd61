package copytree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/tartree"
)

// A Dir is a directory to be brought to Path in a container.
type Dir struct {
	Path string
	// Write writes it, with all in it, under the name as; with inside only what is in it.
	Write func(ctx context.Context, w *tartree.Writer, as string, inside bool) error
}

// In brings the directories into a container, one after the other, as streams. None may lie in another. Directories on
// the way that the container lacks are made; a link on the way, or in the place of the directory itself, is followed, as
// a mount would. Where an image has files in a directory already, those of the same name are replaced and others stay.
// With quiet, the same files make the same layer: directories of the image get their times back, those that are brought
// have all the same.
func In(ctx context.Context, c engine.Copier, dirs []Dir, quiet bool) error {
	for _, d := range dirs {
		if err := in(ctx, c, d, quiet); err != nil {
			return fmt.Errorf("copying %q into the container: %w", d.Path, err)
		}
	}
	return nil
}

func in(ctx context.Context, c engine.Copier, d Dir, quiet bool) error {
	at, missing, err := anchor(ctx, c, d.Path)
	if err != nil {
		return err
	}
	var was *tar.Header
	if quiet && at != "/" {
		if was, err = headerOf(ctx, c, at); err != nil {
			return err
		}
	}
	r := tartree.Stream(func(w *tartree.Writer) error {
		w.Steady = quiet
		as := ""
		for i, name := range missing {
			as = path.Join(as, name)
			if i == len(missing)-1 {
				break
			}
			if err := w.Parent(as); err != nil {
				return err
			}
		}
		return d.Write(ctx, w, as, len(missing) == 0)
	})
	defer r.Close()
	if err := c.CopyIn(ctx, at, r); err != nil {
		return err
	}
	if was == nil || was.Typeflag != tar.TypeDir {
		return nil
	}
	back := tartree.Stream(func(w *tartree.Writer) error { return w.Header(was) })
	defer back.Close()
	return c.CopyIn(ctx, path.Dir(at), back)
}

// anchor is the directory of the container into which dir is unpacked, and the names from there to it. No name is that
// of a link, which unpacking would replace by a directory.
func anchor(ctx context.Context, c engine.Copier, dir string) (at string, missing []string, err error) {
	names := strings.Split(strings.Trim(dir, "/"), "/")
	at = "/"
	for i, name := range names {
		kind, err := c.Lstat(ctx, path.Join(at, name))
		last := i == len(names)-1
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && last && kind.IsDir():
			return at, names[i:], nil
		case err != nil:
			return "", nil, err
		case !kind.IsDir() && kind&fs.ModeSymlink == 0:
			return "", nil, fmt.Errorf("%q is a file in the image", path.Join(at, name))
		}
		at = path.Join(at, name)
	}
	return at, nil, nil
}

// headerOf describes a directory of the container.
func headerOf(ctx context.Context, c engine.Copier, dir string) (*tar.Header, error) {
	r, err := c.CopyOut(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return tar.NewReader(r).Next()
}
