package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/strslice"
	"github.com/docker/go-connections/nat"

	"github.com/genepattern/ferry/engine"
)

var _ engine.Draft = (*Draft)(nil)

// Draft is an image in the making.
type Draft struct {
	Container
	config  *container.Config // the image's own
	volumes []string
}

// Draft makes a container of img that never runs. Its configuration is the image's own to the letter, because the engine
// lays a container's over the one given to commit: what is not in the container cannot get into the image.
func (e *Engine) Draft(ctx context.Context, name string, img engine.Image, labels map[string]string) (engine.Draft, error) {
	in, err := e.cli.ImageInspect(ctx, img.ID)
	if err != nil {
		return nil, e.explain(fmt.Sprintf("inspecting image %q", img.Ref), err)
	}
	config := ownConfig(in)
	made := *config
	made.Image, made.Labels = img.ID, labels
	made.WorkingDir = "/" // the engine would make an image's own where it is missing, in the layer
	if len(made.Entrypoint) == 0 && len(made.Cmd) == 0 {
		made.Entrypoint = strslice.StrSlice{"/none"} // the engine makes no container without a command
	}
	c, err := e.cli.ContainerCreate(ctx, &made, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
	if err != nil {
		return nil, e.explain(fmt.Sprintf("creating a container of %q", img.Ref), err)
	}
	d := &Draft{Container: Container{eng: e, id: c.ID}, config: config}
	for v := range config.Volumes {
		d.volumes = append(d.volumes, v)
	}
	slices.Sort(d.volumes)
	return d, nil
}

// ownConfig is an image's configuration in the terms of containers.
func ownConfig(in image.InspectResponse) *container.Config {
	c := in.Config
	if c == nil {
		return &container.Config{}
	}
	own := &container.Config{
		User: c.User, Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd, WorkingDir: c.WorkingDir, Volumes: c.Volumes,
		Labels: c.Labels, StopSignal: c.StopSignal, OnBuild: c.OnBuild, Shell: c.Shell, Healthcheck: c.Healthcheck,
	}
	for p := range c.ExposedPorts {
		if own.ExposedPorts == nil {
			own.ExposedPorts = nat.PortSet{}
		}
		own.ExposedPorts[nat.Port(p)] = struct{}{}
	}
	return own
}

// Volumes implements engine.Draft.
func (d *Draft) Volumes() []string { return d.volumes }

// Commit implements engine.Draft.
func (d *Draft) Commit(ctx context.Context, ref string, labels map[string]string) (string, error) {
	config := *d.config
	config.Labels = maps.Clone(config.Labels)
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, labels)
	if config.Entrypoint == nil {
		config.Entrypoint = strslice.StrSlice{} // null would be filled in from the container
	}
	made, err := d.eng.cli.ContainerCommit(ctx, d.id, container.CommitOptions{Reference: ref, Config: &config, Comment: "frozen by ferry"})
	if err != nil {
		return "", d.eng.explain(fmt.Sprintf("committing %q", ref), err)
	}
	return made.ID, nil
}

// Find describes an image by reference or ID if it is here, asking no registry. engine.ErrNoImage.
func (e *Engine) Find(ctx context.Context, ref string) (engine.Image, error) {
	return e.inspect(ctx, ref)
}

// RemoveImage takes the reference off its image, and removes the image where that was its last. engine.ErrNoImage.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	_, err := e.cli.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("image %q: %w", ref, engine.ErrNoImage)
	}
	return e.explain(fmt.Sprintf("removing image %q", ref), err)
}

// Describe says what a container is, by name or ID. engine.ErrNoContainer.
func (e *Engine) Describe(ctx context.Context, id string) (engine.Described, error) {
	in, err := e.cli.ContainerInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return engine.Described{}, fmt.Errorf("container %q: %w", id, engine.ErrNoContainer)
	}
	if err != nil {
		return engine.Described{}, e.explain(fmt.Sprintf("inspecting container %q", id), err)
	}
	d := engine.Described{ID: in.ID, Running: in.State != nil && in.State.Running}
	if d.Image, err = e.inspect(ctx, in.Image); err != nil {
		return d, err
	}
	if in.Config != nil {
		d.Labels = in.Config.Labels
		d.Image = e.named(ctx, d.Image, in.Config.Image)
	}
	for _, m := range in.Mounts {
		d.Mounts = append(d.Mounts, m.Destination)
	}
	slices.Sort(d.Mounts)
	return d, nil
}

// named gives an image found by its ID the name it was asked for by, or else one that it has.
func (e *Engine) named(ctx context.Context, img engine.Image, asked string) engine.Image {
	in, err := e.cli.ImageInspect(ctx, img.ID)
	if err != nil {
		return img
	}
	if n, err := reference.ParseNormalizedNamed(asked); err != nil || asked == img.ID || n == nil {
		if len(in.RepoTags) == 0 {
			return img
		}
		asked = in.RepoTags[0]
	}
	img.Ref, img.Digest = asked, ownDigest(asked, in.RepoDigests)
	return img
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

// Attached is Attach for those who copy.
func (e *Engine) Attached(id string) engine.Copier { return &Container{eng: e, id: id} }
