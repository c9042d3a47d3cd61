package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// A probe is a container that never runs, made to look into an image. probeLabel has its name, which begins with probePrefix. Both
// must agree before a probe is removed that somebody else made: an image can bring a label, but not a name.
const (
	probeLabel  = "ferry.probe"
	probePrefix = "ferry-probe-"
)

// probeAge is when a probe counts as left behind. Each lives for some milliseconds, and a minute where the engine hangs.
const probeAge = 10 * time.Minute

func probeName() string { return probePrefix + strings.ToLower(rand.Text()[:16]) }

// Sweep implements engine.Sweeper: it removes the probes of killed ferries.
func (e *Engine) Sweep(ctx context.Context) (int, error) { return e.sweep(ctx, probeAge, "") }

// sweep removes probes of an age, or the one named alone, for tests on an engine that others use.
func (e *Engine) sweep(ctx context.Context, age time.Duration, only string) (n int, err error) {
	found, err := e.List(ctx, map[string]string{probeLabel: ""})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	info, err := e.cli.Info(ctx)
	if err != nil {
		return 0, e.explain("asking for its time", err)
	}
	now, err := time.Parse(time.RFC3339Nano, info.SystemTime) // a remote engine has a clock of its own
	if err != nil {
		now = time.Now()
	}
	var problems []error
	for _, c := range found {
		name := strings.TrimPrefix(c.Name, "/")
		if c.Running || c.Labels[probeLabel] != name || !strings.HasPrefix(name, probePrefix) || now.Sub(c.Created) < age || only != "" && only != c.ID {
			continue
		}
		if err := e.cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{RemoveVolumes: true}); err != nil {
			problems = append(problems, e.explain("removing a probe", err))
			continue
		}
		n++
	}
	return n, errors.Join(problems...)
}
