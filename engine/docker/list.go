package docker

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/genepattern/ferry/engine"
)

// Attach implements engine.Engine.
func (e *Engine) Attach(ctx context.Context, id string) (engine.Container, error) {
	in, err := e.container(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("container %q: %w", id, engine.ErrNoContainer)
	}
	if err != nil {
		return nil, e.explain(fmt.Sprintf("inspecting container %q", id), err)
	}
	return &Container{conn: e.conn, id: in.ID}, nil
}

// List implements engine.Engine.
func (e *Engine) List(ctx context.Context, labels map[string]string) ([]engine.Found, error) {
	args := filters.NewArgs()
	for k, v := range labels {
		if v != "" {
			k += "=" + v
		}
		args.Add("label", k)
	}
	list, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: args})
	if err != nil {
		return nil, e.explain("listing containers", err)
	}
	var found []engine.Found
	for _, c := range list {
		f := engine.Found{ID: c.ID, Labels: c.Labels, Running: lives(c.State), Created: time.Unix(c.Created, 0)}
		if len(c.Names) > 0 {
			f.Name = c.Names[0]
		}
		found = append(found, f)
	}
	return found, nil
}

// lives reports whether the processes of a container are there. Those of one that is paused are.
func lives(s container.ContainerState) bool {
	return s == container.StateRunning || s == container.StatePaused || s == container.StateRestarting
}
