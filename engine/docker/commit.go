package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"

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
func (i *images) Draft(ctx context.Context, name string, img engine.Image, own map[string]string) (engine.Draft, error) {
	in, err := i.conn.cli.ImageInspect(ctx, img.ID)
	if err != nil {
		return nil, i.conn.explain(fmt.Sprintf("inspecting image %q", img.Ref), err)
	}
	config := ownConfig(in)
	made := *config
	made.Image, made.Labels = img.ID, ownLabels(own, config.Labels)
	made.WorkingDir = "/" // the engine would make an image's own where it is missing, in the layer
	if len(made.Entrypoint) == 0 && len(made.Cmd) == 0 {
		made.Entrypoint = strslice.StrSlice{"/none"} // the engine makes no container without a command
	}
	c, err := i.conn.cli.ContainerCreate(ctx, &made, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
	if err != nil {
		return nil, i.conn.explain(fmt.Sprintf("creating a container of %q", img.Ref), err)
	}
	d := &Draft{Container: Container{conn: i.conn, id: c.ID}, config: config}
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
	made, err := d.conn.cli.ContainerCommit(ctx, d.id, container.CommitOptions{Reference: ref, Config: &config, Comment: "frozen by ferry"})
	if err != nil {
		return "", d.conn.explain(fmt.Sprintf("committing %q", ref), err)
	}
	return made.ID, nil
}
