package docker

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
)

// Describe says what a container is, by name or ID. engine.ErrNoContainer.
func (e *Engine) Describe(ctx context.Context, id string) (engine.Described, error) {
	in, err := e.container(ctx, id)
	if errdefs.IsNotFound(err) {
		return engine.Described{}, fmt.Errorf("container %q: %w", id, engine.ErrNoContainer)
	}
	if err != nil {
		return engine.Described{}, e.explain(fmt.Sprintf("inspecting container %q", id), err)
	}
	d := engine.Described{ID: in.ID, Running: in.State != nil && in.State.Running}
	if d.Image, err = e.images.inspect(ctx, in.Image); err != nil {
		return d, err
	}
	if in.Config != nil {
		d.Labels = in.Config.Labels
		d.Image = e.images.named(ctx, d.Image, in.Config.Image)
	}
	for _, m := range in.Mounts {
		d.Mounts = append(d.Mounts, m.Destination)
	}
	slices.Sort(d.Mounts)
	return d, nil
}

// Changes says where a container's files differ from its image's.
func (e *Engine) Changes(ctx context.Context, id string) ([]engine.Change, error) {
	list, err := e.cli.ContainerDiff(ctx, id)
	if err != nil {
		return nil, e.explain(fmt.Sprintf("comparing container %.12s with its image", id), err)
	}
	kinds := map[container.ChangeType]engine.ChangeKind{
		container.ChangeModify: engine.Modified, container.ChangeAdd: engine.Added, container.ChangeDelete: engine.Deleted,
	}
	all := make([]engine.Change, len(list))
	for i, c := range list {
		all[i] = engine.Change{Path: c.Path, Kind: kinds[c.Kind]}
	}
	return all, nil
}
