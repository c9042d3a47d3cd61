package wrapper

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

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
)

// checkVolumes refuses an image with a volume inside a directory of the job. The engine would lay an empty volume over that part of the
// directory: inputs there would be hidden, and results there lost with the container.
func (r recipe) checkVolumes() error {
	mounts := r.spec(shells[0]).Mounts
	for _, v := range r.image.Volumes {
		v = path.Clean("/" + v)
		// The innermost mount counts: one at the volume's own path takes its place.
		inner := ""
		for _, m := range mounts {
			if subpath.Within(m.Target, v) && len(m.Target) > len(inner) {
				inner = m.Target
			}
		}
		if inner != "" && !subpath.Within(v, inner) {
			return cause.Fail(cause.Refused, "give the job other directories, name "+v+" itself with --mount or --output, or build the image without that VOLUME",
				"image %q has a volume %s inside %s of the job: what is written there would be lost", r.job.Container.Image, v, inner)
		}
	}
	return nil
}

// maxLinks is how many links of a path are followed, as the kernel does.
const maxLinks = 40

// checkLinkedVolumes refuses an image with a volume that links in the image lead onto a directory of the job, which checkVolumes cannot see:
// the engine mounts it where the links lead, over that directory.
func (m *module) checkLinkedVolumes(work context.Context, spec engine.Spec) error {
	files, ok := engine.CopierOf(m.container)
	if !ok || len(spec.Mounts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), createTime)
	defer cancel()
	for _, v := range m.recipe.image.Volumes {
		v = path.Clean("/" + v)
		if slices.ContainsFunc(spec.Mounts, func(b engine.Mount) bool { return b.Target == v }) {
			continue // there is no such volume
		}
		at, err := resolve(ctx, files, v)
		if err != nil {
			return cause.Name(work, cause.Launch, "", err)
		}
		for _, b := range spec.Mounts {
			if at != v && (subpath.Within(b.Target, at) || subpath.Within(at, b.Target)) {
				return cause.Fail(cause.Refused, "build the image without that VOLUME or without the link",
					"image %q has a volume %s, which a link leads to %s, over %s of the job: what is written there would be lost", m.recipe.job.Container.Image, v, at, b.Target)
			}
		}
	}
	return nil
}

// resolve follows the links of a path in a container.
func resolve(ctx context.Context, files engine.Copier, p string) (string, error) {
	at, rest := "/", strings.Split(strings.Trim(p, "/"), "/")
	for links := 0; len(rest) > 0; {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		mode, err := files.Lstat(ctx, next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path.Join(next, path.Join(rest...)), nil
		case err != nil:
			return "", err
		case mode&fs.ModeSymlink == 0:
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%q in the container: too many links", p)
		}
		target, err := readLink(ctx, files, next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
	}
	return at, nil
}

// readLink reads where a link in a container leads.
func readLink(ctx context.Context, files engine.Copier, p string) (string, error) {
	r, err := files.CopyOut(ctx, p)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	head, err := tar.NewReader(r).Next()
	if err != nil {
		return "", fmt.Errorf("reading the link %q in the container: %w", p, err)
	}
	return head.Linkname, nil
}

// checkPlatform is an error where the image's programs are made for another processor and do not run here. Some nodes do run them, by an
// emulator. So a shell of the image is tried, in a container that has nothing else. spec is the module's container.
func (m *module) checkPlatform(work context.Context, spec engine.Spec) error {
	here, there := m.site.platform, m.recipe.image.Platform
	if here == "" || there == "" || there == here {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), createTime)
	defer cancel()
	has, err := m.container.Has(ctx, shells)
	if err != nil {
		return cause.Name(work, cause.Engine, "", err)
	}
	i := slices.IndexFunc(shells, func(s string) bool { return has[s] })
	if i < 0 {
		err := m.tryForeign(ctx, spec)
		if errors.Is(err, errCannotTry) {
			m.site.tell.warn("image %q is made for %s, and this node is %s: %v", m.site.job.Container.Image, there, here, err)
			return nil
		}
		if err != nil {
			return m.recipe.otherPlatform(here, err)
		}
		return nil
	}
	c, err := m.engine.Create(ctx, engine.Spec{Name: spec.Name + "-try", Image: spec.Image, Command: []string{shells[i], "-c", ":"},
		User: spec.User, Network: "none", Labels: spec.Labels})
	if err != nil {
		return cause.Name(work, cause.Launch, "", err)
	}
	defer func() { _ = c.Remove(ctx) }()
	if err := c.Start(ctx, io.Discard, io.Discard); err != nil {
		return m.recipe.otherPlatform(here, err)
	}
	exit, err := c.Wait(ctx)
	switch {
	case err != nil:
		return cause.Name(work, cause.Engine, "", err)
	case exit.Code != 0:
		return m.recipe.otherPlatform(here, fmt.Errorf("its shell ended with %d", exit.Code))
	}
	return nil
}

func (r recipe) otherPlatform(here string, why error) error {
	return cause.Fail(cause.Launch, "use an image that is made for this node, or a node that the image is made for",
		"image %q is made for %s, this node is %s, and its programs do not run here: %w", r.job.Container.Image, r.image.Platform, here, why)
}
