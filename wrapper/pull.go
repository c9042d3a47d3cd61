package wrapper

import (
	"context"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/wrapper/record"
)

// shells are the shells that run exec.sh, in the order of the search. Modules are written for bash, but many images have only
// sh. The folders are those of an image's usual PATH.
var shells = []string{"/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh", "/usr/bin/sh", "/usr/local/bin/sh"}

// pull makes the image present, and then the module's container. It makes the container once typesKnown is closed, because a
// mount must be known to be a file or a directory. Beside an error it gives the module where there is a container, for the
// ending to remove. Its errors have a cause.
func (a *attempt) pull(ctx context.Context, s *site, from supply, typesKnown <-chan struct{}) (*module, error) {
	img, err := from.image(ctx, a.deps.Engine, a.deps.Login)
	if err != nil {
		return nil, cause.Name(ctx, cause.Image, "", err)
	}
	a.tell.rec.Edit(func(r *record.Record) { r.Image.ID, r.Image.Digest = img.ID, img.Digest })
	if err := mayRun(&s.job, img); err != nil {
		return nil, err
	}
	select {
	case <-typesKnown:
	case <-ctx.Done():
		return nil, cause.Stopped(ctx, ctx.Err())
	}
	r := recipe{job: &s.job, paths: s.paths, from: from, image: img, id: s.id}
	if err := r.checkVolumes(); err != nil {
		return nil, err
	}
	s.created = true
	c, spec, err := create(ctx, a.deps.Engine, r)
	if c == nil {
		return nil, err
	}
	m := &module{site: s, engine: a.deps.Engine, container: c, collected: map[string]bool{}, recipe: r, placement: mountPlacement{}}
	if err == nil {
		err = m.checkLinkedVolumes(ctx, spec)
	}
	if err == nil {
		err = m.checkPlatform(ctx, spec)
	}
	if err == nil {
		m.placement, err = newPlacement(s, from, c)
	}
	if err != nil {
		return m, err
	}
	a.tell.rec.Edit(func(r *record.Record) {
		r.Container, r.Command, r.Limits = c.ID(), spec.Command, s.enforces.Held(spec.Limits)
		for _, mount := range spec.Mounts {
			r.Mounts = append(r.Mounts, record.Mount{Source: mount.Source, Target: mount.Target, ReadOnly: mount.ReadOnly})
		}
	})
	return m, nil
}

// createTime bounds the making of a container. That takes a tenth of a second, and more on a busy node. The engine's own
// deadlines are shorter; this is for all its steps together.
const createTime = 10 * time.Minute

// create makes the container, with the first of the shells that its image has. It does so while files are still being staged
// in: the engine needs about as long for it as small inputs take to come. Beside an error it gives the container where there
// is one.
func create(work context.Context, eng engine.Engine, r recipe) (engine.Container, engine.Spec, error) {
	if work.Err() != nil {
		return nil, engine.Spec{}, cause.Stopped(work, work.Err())
	}
	// The engine makes the container even if nobody waits for the answer, and then nobody would know of it. So ferry waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), createTime)
	defer cancel()
	spec := r.spec(shells[0])
	c, err := eng.Create(ctx, spec)
	if err != nil {
		return nil, spec, cause.Name(work, cause.Launch, "", err)
	}
	if !r.job.NeedsShell() {
		return c, spec, nil
	}
	for _, shell := range shells { // one by one: each look costs the engine as much as a mount
		has, err := c.Has(ctx, []string{shell})
		if err != nil {
			return c, spec, cause.Name(work, cause.Engine, "", err)
		}
		switch {
		case !has[shell]:
			continue
		case shell == shells[0]:
			return c, spec, nil
		}
		return recreate(ctx, work, eng, c, r.spec(shell))
	}
	return c, spec, cause.Fail(cause.Launch, "exec.sh needs one; add it to the image", "image %q has neither bash nor sh", r.job.Container.Image)
}

// recreate makes a container anew, with a shell that its image has. work is the job's own context.
func recreate(ctx, work context.Context, eng engine.Engine, c engine.Container, spec engine.Spec) (engine.Container, engine.Spec, error) {
	if err := c.Remove(ctx); err != nil {
		return c, spec, cause.Name(work, cause.Engine, "", err)
	}
	again, err := eng.Create(ctx, spec)
	if err != nil {
		return nil, spec, cause.Name(work, cause.Launch, "", err)
	}
	return again, spec, nil
}
