package copytree

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/tartree"
)

// FromRoot is the directory at name in root, to be brought to dest. skip leaves out what lies in it; its argument is the
// name in root.
func FromRoot(root *os.Root, name, dest string, skip func(string) bool, warn func(string, ...any)) Dir {
	return Dir{Path: dest, Write: func(ctx context.Context, w *tartree.Writer, as string, inside bool) error {
		w.Skip, w.Warn = skip, warn
		return w.Tree(ctx, root, name, as, inside)
	}}
}

// FromContainer is the directory at path in a container, to be brought to the same path of another. skip leaves out
// paths of the container.
func FromContainer(c engine.Copier, dir string, skip func(string) bool) Dir {
	return Dir{Path: dir, Write: func(ctx context.Context, w *tartree.Writer, as string, inside bool) error {
		r, err := c.CopyOut(ctx, dir)
		if err != nil {
			return err
		}
		defer r.Close()
		rename := func(entry string) (string, bool) {
			_, rel, _ := strings.Cut(strings.Trim(entry, "/"), "/")
			if rel == "" && inside || rel != "" && skip != nil && skip(path.Join(dir, rel)) {
				return "", false
			}
			return path.Join(as, rel), true
		}
		return w.Copy(ctx, r, rename)
	}}
}

// Out brings what is at dir of a container to the same path of root, where the directory is already. skip leaves out
// names of root. A directory that the module replaced by something else is refused.
func Out(ctx context.Context, c engine.Copier, dir string, x tartree.Extractor) error {
	kind, err := c.Lstat(ctx, dir)
	if err != nil {
		return err
	}
	if !kind.IsDir() {
		return fmt.Errorf("%q is no directory any more: %w", dir, tartree.ErrRefused)
	}
	r, err := c.CopyOut(ctx, dir)
	if err != nil {
		return err
	}
	defer r.Close()
	x.Strip = 1
	if err := x.Extract(ctx, r); err != nil {
		return fmt.Errorf("copying %q out of the container: %w", dir, err)
	}
	return nil
}

// OutFile brings one file of a container into x's root, under its own name. fs.ErrNotExist where it is not there.
func OutFile(ctx context.Context, c engine.Copier, file string, x tartree.Extractor) error {
	kind, err := c.Lstat(ctx, file)
	if err != nil {
		return err
	}
	if !kind.IsRegular() {
		return fmt.Errorf("%q is no file: %w", file, tartree.ErrRefused)
	}
	r, err := c.CopyOut(ctx, file)
	if err != nil {
		return err
	}
	defer r.Close()
	return x.Extract(ctx, r)
}
