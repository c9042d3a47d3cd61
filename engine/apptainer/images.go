package apptainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// images makes SIF files of containers.
type images struct{ engine *Engine }

var (
	_ engine.Images     = images{}
	_ engine.ImageFiles = images{}
	_ engine.Builder    = images{}
	_ engine.Draft      = (*draft)(nil)
	_ engine.ImageMaker = (*Engine)(nil)
)

// Images makes SIF files.
func (e *Engine) Images() engine.Images { return images{e} }

// frozenName is the directory of the cache for images that are not named by a path.
const frozenName = "frozen"

// File is the path of a SIF file.
func (images) File(name string) (string, bool) { return name, strings.HasSuffix(name, sifSuffix) }

// Place is a file in the cache.
func (i images) Place(repository, tag string) string {
	return filepath.Join(i.engine.config.Cache, frozenName, filepath.FromSlash(repository), usable(tag)+sifSuffix)
}

// Find describes an image that is a file, or is in the cache.
func (i images) Find(ctx context.Context, ref string) (engine.Image, error) {
	src, err := locate(ref)
	if err != nil {
		return engine.Image{}, err
	}
	if src.form != formSIF && src.form != formSandbox {
		key, err := src.key()
		if err != nil || !(shelf{i.engine.config.Cache}).has(key+sifSuffix) {
			return engine.Image{}, fmt.Errorf("image %q: %w", ref, engine.ErrNoImage)
		}
	}
	return i.engine.Image(ctx, ref, nil)
}

// Resolve asks a registry. A file has no digest.
func (i images) Resolve(ctx context.Context, ref string, login engine.Login) (string, error) {
	src, err := parse(ref)
	if err != nil {
		return "", err
	}
	if src.form != formRegistry {
		return "", fmt.Errorf("image %q: %w in a registry", ref, engine.ErrNoImage)
	}
	r, err := newRegistry(ctx, src.name, login)
	if err != nil {
		return "", err
	}
	return r.digest(ctx)
}

// Draft makes a container that never runs.
func (i images) Draft(ctx context.Context, name string, image engine.Image, labels map[string]string) (engine.Draft, error) {
	c, err := i.engine.Create(ctx, engine.Spec{Name: name, Image: image, Labels: labels, Command: []string{"/none"}})
	if err != nil {
		return nil, err
	}
	return &draft{container: c.(*container)}, nil
}

// Push is for engines whose images are not files.
func (images) Push(context.Context, string, engine.Login, func(engine.Progress)) (engine.Pushed, error) {
	return engine.Pushed{}, errors.New("a SIF file is not pushed: it is where it is")
}

// RemoveImage removes a SIF file.
func (images) RemoveImage(_ context.Context, ref string) error {
	if !strings.HasSuffix(ref, sifSuffix) {
		return fmt.Errorf("image %q: %w", ref, engine.ErrNoImage)
	}
	err := os.Remove(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("image %q: %w", ref, engine.ErrNoImage)
	}
	return err
}

// Builder makes a SIF file of a layer, or of a container as it is.
func (i images) Builder(context.Context) engine.Builder { return i }

// Build makes the SIF file ref of a base and a layer.
func (i images) Build(ctx context.Context, ref string, base engine.Image, labels map[string]string, layer engine.Layer) (string, error) {
	d, err := i.Draft(ctx, "", base, labels)
	if err != nil {
		return "", err
	}
	defer func() { _ = d.Remove(context.WithoutCancel(ctx)) }()
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(layer.Write(w)) }()
	defer func() { _ = r.Close() }()
	if err := d.CopyIn(ctx, "/", r); err != nil {
		return "", err
	}
	return d.Commit(ctx, ref, labels)
}

// Adopt makes the SIF file ref of a container as it is.
func (i images) Adopt(ctx context.Context, ref, id string, _ engine.Image, labels map[string]string) (string, error) {
	r, err := i.engine.depot.read(id)
	if err != nil {
		return "", err
	}
	return i.engine.commit(ctx, r, ref, labels)
}

// A draft is a container that never runs.
type draft struct{ *container }

// Commit makes the SIF file ref.
func (d *draft) Commit(ctx context.Context, ref string, labels map[string]string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.engine.commit(ctx, &d.record, ref, labels)
}

// Volumes are none: an image's are part of it.
func (*draft) Volumes() []string { return nil }

// commit makes a SIF file of a container's files. It appears whole or not at all.
func (e *Engine) commit(ctx context.Context, r *record, ref string, labels map[string]string) (string, error) {
	p, err := e.program(ctx)
	if err != nil {
		return "", err
	}
	root, err := e.depot.files(ctx, r)
	if err != nil {
		return "", err
	}
	err = label(root, labels)
	_ = root.Close()
	if err != nil {
		return "", fmt.Errorf("writing the labels: %w", err)
	}
	s := shelf{filepath.Dir(ref)}
	file, err := s.get(ctx, filepath.Base(ref), func(ctx context.Context, at string) error {
		_, err := p.run(ctx, e.config.buildEnv(filepath.Dir(at)), "--silent", "build", at, filepath.Join(e.depot.path(r.ID), rootfsName))
		return err
	})
	if err != nil {
		return "", err
	}
	_ = os.Remove(s.path("." + filepath.Base(ref) + lockSuffix)) // nobody fills this name again
	made, err := readSIF(file)
	return made.id, err
}

// label adds labels to those of an unpacked image. Apptainer takes them from there.
func label(root *os.Root, labels map[string]string) error {
	const file = ".singularity.d/labels.json"
	all := map[string]string{}
	if f, err := root.Open(file); err == nil {
		data, err := bounded.All(f, bounded.Small)
		_ = f.Close()
		if err != nil || json.Unmarshal(data, &all) != nil {
			all = map[string]string{}
		}
	}
	maps.Copy(all, labels)
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return root.WriteFile(file, data, 0o644)
}

var _ engine.Inspector = (*Engine)(nil)

// Describe says what a container of this user is, by its id or its name.
func (e *Engine) Describe(_ context.Context, id string) (engine.Described, error) {
	r, err := e.depot.lookup(id)
	if err != nil {
		return engine.Described{}, err
	}
	return engine.Described{ID: r.ID, Image: r.Image, Labels: r.Labels, Mounts: r.Mounts, Running: r.running()}, nil
}

// Changes says what a container wrote outside of its mounts.
func (e *Engine) Changes(_ context.Context, id string) ([]engine.Change, error) {
	r, err := e.depot.lookup(id)
	if err != nil || r.Own {
		return nil, err // with files of its own, it is as it is
	}
	upper := filepath.Join(e.depot.path(r.ID), overlayName, "upper")
	root, err := os.OpenRoot(upper)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var all []engine.Change
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		kind := engine.Modified
		if d.Type()&fs.ModeCharDevice != 0 {
			kind = engine.Deleted
		}
		all = append(all, engine.Change{Path: "/" + name, Kind: kind})
		return nil
	})
	return all, err
}
