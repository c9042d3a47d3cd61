package copytree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/tartree"
)

// ErrLink is a directory that cannot be in a layer under its own name, because there is a link on the way to it.
var ErrLink = errors.New("there is a link on the way")

// Layer is a layer that brings the directories into an image, which c was made of. The same files make the same layer.
// What a directory of the image has stays, where nothing of the same name is brought. Only directories that can be
// written twice with the same result are for it: it is done once to know the size.
func Layer(ctx context.Context, c engine.Copier, dirs []Dir) (engine.Layer, error) {
	parents, err := parentsOf(ctx, c, dirs)
	if err != nil {
		return engine.Layer{}, err
	}
	dirs = slices.SortedFunc(slices.Values(dirs), func(a, b Dir) int { return strings.Compare(a.Path, b.Path) })
	write := func(w *tartree.Writer) error {
		for _, h := range parents {
			if err := w.Raw(h); err != nil {
				return err
			}
		}
		for _, d := range dirs {
			w.Steady = true
			if err := d.Write(ctx, w, strings.TrimPrefix(d.Path, "/"), false); err != nil {
				return fmt.Errorf("writing %q into a layer: %w", d.Path, err)
			}
		}
		return w.Close()
	}
	size, err := tartree.Measure(write)
	if err != nil {
		return engine.Layer{}, err
	}
	return engine.Layer{Size: size, Write: func(out io.Writer) error { return write(tartree.NewWriter(out)) }}, nil
}

// parentsOf are the directories on the way to dirs, outer ones first: a layer that leaves one out would give it rights
// of the engine's choice. Those the image has are as it has them.
func parentsOf(ctx context.Context, c engine.Copier, dirs []Dir) ([]*tar.Header, error) {
	var all []*tar.Header
	seen := map[string]bool{}
	for _, d := range dirs {
		names := strings.Split(strings.Trim(d.Path, "/"), "/")
		at, there := "/", true
		for i, name := range names {
			at = path.Join(at, name)
			last := i == len(names)-1
			if seen[at] {
				continue
			}
			h := &tar.Header{Typeflag: tar.TypeDir, Name: at[1:] + "/", Mode: 0o755, Format: tar.FormatPAX}
			if there {
				kind, err := c.Lstat(ctx, at)
				switch {
				case errors.Is(err, fs.ErrNotExist):
					there = false
				case err != nil:
					return nil, err
				case kind&fs.ModeSymlink != 0:
					return nil, fmt.Errorf("%q: %w", at, ErrLink)
				case !kind.IsDir():
					return nil, fmt.Errorf("%q is a file in the image", at)
				}
			}
			if last {
				break
			}
			if there {
				was, err := headerOf(ctx, c, at)
				if err != nil {
					return nil, err
				}
				h.Mode, h.Uid, h.Gid, h.ModTime = was.Mode, was.Uid, was.Gid, was.ModTime
			}
			seen[at] = true
			all = append(all, h)
		}
	}
	return all, nil
}
