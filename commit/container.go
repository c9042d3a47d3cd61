package commit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/internal/tartree"
)

// Container freezes a container that exists, by name or ID, under NAME. The image holds dirs. Where dirs is empty, it holds what
// freezing the container's job would. Where ferry did not make the container, it then holds all that was added or changed in it,
// outside of mounts and temporary directories. Beside an error, the result says how far it came. engine.ErrNoContainer.
func (f *Freezer) Container(ctx context.Context, id string, r Request, dirs []string) (Frozen, error) {
	if f.Containers == nil {
		err := errors.New("this engine does not tell what other containers are")
		return Frozen{Name: r.Name, Outcome: OutcomeFailed, Error: err.Error()}, err
	}
	d, err := f.Containers.Describe(ctx, id)
	if err != nil {
		return Frozen{Name: r.Name, Outcome: OutcomeFailed, Error: err.Error()}, err
	}
	h, err := f.Engine.Attach(ctx, d.ID)
	if err != nil {
		return Frozen{Name: r.Name, Outcome: OutcomeFailed, Error: err.Error()}, err
	}
	c, ok := engine.CopierOf(h)
	if !ok {
		err := errors.New("this engine's containers cannot be copied from")
		return Frozen{Name: r.Name, Outcome: OutcomeFailed, Error: err.Error()}, err
	}
	r.Image = d.Image
	var o Origin
	// A container has its image's labels, too: what comes from there was not written by ferry.
	if label := d.Labels[LabelContainer]; label != d.Image.Labels[LabelContainer] && json.Unmarshal([]byte(label), &o) == nil {
		r.Job = o.Job
		if r.Module == (Module{}) {
			r.Module = Module{Name: o.Name, LSID: o.LSID}
		}
	}
	if len(dirs) == 0 {
		dirs = o.Dirs
	}
	r.stream = true
	if r.Dirs, r.adopt, err = f.contents(ctx, c, d, dirs); err != nil {
		return Frozen{Name: r.Name, Outcome: OutcomeFailed, Error: err.Error()}, err
	}
	return f.Freeze(ctx, r)
}

// contents is what goes into a container's image. It is an adopter where the container itself can become the image: where it has
// ended, its image is pristine, and nothing else changed in it.
func (f *Freezer) contents(ctx context.Context, c engine.Copier, d engine.Described, dirs []string) ([]copytree.Dir, adopter, error) {
	var all []copytree.Dir
	named := len(dirs) > 0
	dirs = slices.Clone(dirs)
	for i, p := range dirs {
		if p == "" {
			return nil, nil, errors.New("a directory to freeze has no name")
		}
		dirs[i] = path.Clean("/" + p)
	}
	for _, p := range subpath.Outermost(slices.Concat(dirs, frozenDirs(d.Image))) {
		kind, err := c.Lstat(ctx, p)
		if errors.Is(err, fs.ErrNotExist) && !slices.Contains(dirs, p) {
			continue // a frozen directory that the container deleted
		}
		if err != nil {
			return nil, nil, err
		}
		if !kind.IsDir() {
			return nil, nil, fmt.Errorf("%q is no directory of the container", p)
		}
		all = append(all, copytree.FromContainer(c, p, nil))
	}
	if named {
		return all, nil, nil
	}
	changes, err := f.Containers.Changes(ctx, d.ID)
	if err != nil {
		return nil, nil, err
	}
	pristine := d.Image.Labels[LabelBaseID] == ""
	passing := slices.ContainsFunc(changes, func(c engine.Change) bool { return isPassing(c.Path) })
	if pristine && !passing && !d.Running {
		if b := f.Images.Builder(ctx); b != nil {
			return nil, func(ctx context.Context, ref string, base engine.Image, labels map[string]string) (string, error) {
				return b.Adopt(ctx, ref, d.ID, base, labels)
			}, nil
		}
	}
	paths := f.added(changes, slices.Concat(d.Mounts, frozenDirs(d.Image)))
	if len(paths) > 0 {
		all = append(all, copytree.Dir{Path: "/", Write: func(ctx context.Context, w *tartree.Writer, _ string, _ bool) error {
			for _, p := range paths {
				if err := copytree.FromContainer(c, p, nil).Write(ctx, w, p, false); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	return all, nil, nil
}

// passing are directories whose content means nothing after a run.
var passing = []string{"/tmp", "/var/tmp", "/run", "/var/run", "/dev", "/proc", "/sys"}

func isPassing(p string) bool {
	return slices.ContainsFunc(passing, func(d string) bool { return subpath.Within(d, p) })
}

// added are the paths of what was added or changed: whole directories that are new, and single files. Paths below those in without
// are left out.
func (f *Freezer) added(changes []engine.Change, without []string) []string {
	without = slices.Concat(without, passing)
	kinds := make(map[string]engine.ChangeKind, len(changes))
	parents := map[string]bool{} // of changes, and so directories
	for _, c := range changes {
		kinds[c.Path] = c.Kind
		parents[path.Dir(c.Path)] = true
	}
	var paths []string
	for _, c := range changes {
		up, known := kinds[path.Dir(c.Path)]
		switch {
		case slices.ContainsFunc(without, func(d string) bool { return subpath.Within(d, c.Path) }):
		case c.Kind == engine.Deleted:
			f.log("%s was deleted in the container and is still in the image", c.Path)
		case c.Kind == engine.Modified && parents[c.Path]:
		case known && up == engine.Added: // comes with its directory
		default:
			paths = append(paths, c.Path)
		}
	}
	return paths
}
