package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/genepattern/ferry/engine"
)

var (
	_ engine.Container = (*Container)(nil)
	_ engine.Copier    = (*Container)(nil)
)

// Container is one container of an Engine.
type Container struct {
	eng *Engine
	id  string

	command string // what it runs, where that is an absolute path of a container made here

	mu     sync.Mutex
	found  bool          // command was seen to be there
	copied chan struct{} // closed once all output is written; nil before Start
	ended  chan struct{} // closed once the engine said that it ended, or went away; nil before Start
	waited error         // why the engine could not say it; read after ended

	stdout, stderr io.Writer // of Start
}

// ID implements engine.Container.
func (c *Container) ID() string { return c.id }

// Start implements engine.Container. It attaches and waits before it starts, so that neither output nor the end of a
// short module is missed.
func (c *Container) Start(ctx context.Context, stdout, stderr io.Writer) error {
	cli := c.eng.cli
	if err := c.runnable(ctx); err != nil {
		return err
	}
	// Attaching and waiting outlive the call: they end with the container or with Remove.
	long := context.WithoutCancel(ctx)
	stream, err := cli.ContainerAttach(long, c.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return c.eng.explain("attaching to the container", err)
	}
	results, errs := cli.ContainerWait(long, c.id, container.WaitConditionNextExit)
	if err := cli.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		stream.Close()
		err = c.eng.explain("starting the container", err)
		if !gone(err) && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", engine.ErrLaunch, err)
		}
		return err
	}
	copied, ended := make(chan struct{}), make(chan struct{})
	c.mu.Lock()
	c.copied, c.ended, c.stdout, c.stderr = copied, ended, stdout, stderr
	c.mu.Unlock()
	go c.copy(stream, stdout, stderr, copied)
	go func() {
		defer close(ended)
		select {
		case <-results:
		case c.waited = <-errs:
		}
	}()
	return nil
}

// runnable looks whether the command is there: the init process starts whatever it is asked to run, and a command that
// does not exist would look like a module that ended with 127.
func (c *Container) runnable(ctx context.Context) error {
	c.mu.Lock()
	known := c.command == "" || c.found
	c.mu.Unlock()
	if known {
		return nil
	}
	_, err := c.eng.cli.ContainerStatPath(ctx, c.id, c.command)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("docker engine: %w: no %q in it", engine.ErrLaunch, c.command)
	}
	return c.eng.explain(fmt.Sprintf("looking for %q in the container", c.command), err)
}

func (c *Container) copy(stream types.HijackedResponse, stdout, stderr io.Writer, done chan<- struct{}) {
	defer close(done)
	defer stream.Close()
	// An error here is the engine going away, which Wait reports, or a writer that fails: then the module's output must
	// still be read, or it would stand still.
	if _, err := stdcopy.StdCopy(stdout, stderr, stream.Reader); err != nil {
		_, _ = io.Copy(io.Discard, stream.Reader)
	}
}

// drainTime bounds the wait for the last output of a container that has ended. A process that the module left behind in
// no container of its own cannot hold the stream; an engine that hangs can.
const drainTime = 10 * time.Second

// Wait implements engine.Container. An engine that goes away and comes back is asked again; where it let the container
// run meanwhile, so does Wait.
func (c *Container) Wait(ctx context.Context) (engine.Exit, error) {
	c.mu.Lock()
	copied, ended, stdout, stderr := c.copied, c.ended, c.stdout, c.stderr
	c.mu.Unlock()
	waited, err := c.await(ctx, ended)
	if err != nil {
		return engine.Exit{}, err
	}
	for {
		if copied != nil {
			select {
			case <-copied:
			case <-time.After(drainTime):
			case <-ctx.Done():
			}
		}
		exit, running, err := c.exit(context.WithoutCancel(ctx))
		// That it was for memory comes from elsewhere in the engine, and may come later than the end.
		for i := 0; err == nil && !running && !exit.OOMKilled && exit.Code == 128+9 && i < oomTries; i++ {
			time.Sleep(oomPause)
			exit, running, err = c.exit(context.WithoutCancel(ctx))
		}
		if err != nil || !running {
			exit.Lost = waited != nil && err == nil
			return exit, err
		}
		if waited == nil {
			return exit, fmt.Errorf("docker engine: container %.12s runs on after its end", c.id)
		}
		copied = c.follow(ctx, stdout, stderr)
		if waited, err = c.await(ctx, nil); err != nil {
			return engine.Exit{}, err
		}
	}
}

// await returns once the container has ended, or with the error that keeps the engine from saying so. ended is what
// Start left, nil to ask the engine.
func (c *Container) await(ctx context.Context, ended <-chan struct{}) (waited, err error) {
	var results <-chan container.WaitResponse
	var errs <-chan error
	if ended == nil {
		results, errs = c.eng.cli.ContainerWait(ctx, c.id, container.WaitConditionNotRunning)
	}
	select {
	case <-ended:
		return c.waited, nil
	case <-results:
		return nil, nil
	case waited = <-errs:
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return waited, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// follow takes up the output of a container that runs again under a restarted engine. What was written meanwhile is lost.
func (c *Container) follow(ctx context.Context, stdout, stderr io.Writer) chan struct{} {
	if stdout == nil {
		return nil
	}
	stream, err := c.eng.cli.ContainerAttach(ctx, c.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil // the output goes on being lost; the module does not
	}
	copied := make(chan struct{})
	go c.copy(stream, stdout, stderr, copied)
	return copied
}

// oomTries and oomPause bound the wait for the engine to say that a killed container was killed for memory.
const (
	oomTries = 5
	oomPause = 200 * time.Millisecond
)

// returnTime and returnPause bound how long an engine that went away, to be restarted perhaps, is asked again what became
// of the container.
const (
	returnTime  = 30 * time.Second
	returnPause = 500 * time.Millisecond
)

// exit is how the container ended, unless it runs.
func (c *Container) exit(ctx context.Context) (exit engine.Exit, running bool, err error) {
	deadline := time.Now().Add(returnTime)
	for {
		in, err := c.eng.cli.ContainerInspect(ctx, c.id)
		if err != nil && gone(err) && time.Now().Before(deadline) {
			time.Sleep(returnPause)
			continue
		}
		if errdefs.IsNotFound(err) {
			return engine.Exit{}, false, fmt.Errorf("container %.12s: %w", c.id, engine.ErrNoContainer)
		}
		if err != nil {
			return engine.Exit{}, false, c.eng.explain("asking how the container ended", err)
		}
		s := in.State
		exit := engine.Exit{Code: s.ExitCode, OOMKilled: s.OOMKilled, Error: s.Error}
		exit.Started, _ = time.Parse(time.RFC3339Nano, s.StartedAt)
		if !s.Running {
			exit.Finished, _ = time.Parse(time.RFC3339Nano, s.FinishedAt)
		}
		return exit, s.Running, nil
	}
}

// Stop implements engine.Container.
func (c *Container) Stop(ctx context.Context, grace time.Duration) error {
	secs := int(grace.Round(time.Second) / time.Second)
	err := c.eng.cli.ContainerStop(ctx, c.id, container.StopOptions{Timeout: &secs})
	if errdefs.IsNotFound(err) || errdefs.IsNotModified(err) {
		return nil
	}
	return c.eng.explain("stopping the container", err)
}

// Remove implements engine.Container.
func (c *Container) Remove(ctx context.Context) error {
	err := c.eng.cli.ContainerRemove(ctx, c.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) { // a conflict is a removal that is under way
		return nil
	}
	return c.eng.explain("removing the container", err)
}

// Stats implements engine.Container.
func (c *Container) Stats(ctx context.Context) (engine.Stats, error) {
	r, err := c.eng.cli.ContainerStatsOneShot(ctx, c.id)
	if err != nil {
		return engine.Stats{}, c.eng.explain("reading the container's statistics", err)
	}
	defer r.Body.Close()
	var s container.StatsResponse
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		return engine.Stats{}, c.eng.explain("reading the container's statistics", err)
	}
	// The page cache is not what the module needs: take the part that can be given back off, as `docker stats` does.
	used := s.MemoryStats.Usage
	for _, inactive := range []string{"total_inactive_file", "inactive_file"} { // cgroup v1, v2
		if v, ok := s.MemoryStats.Stats[inactive]; ok && v < used {
			used -= v
			break
		}
	}
	return engine.Stats{
		Memory: int64(used), MemoryPeak: int64(s.MemoryStats.MaxUsage),
		CPUSeconds: float64(s.CPUStats.CPUUsage.TotalUsage) / 1e9, PIDs: int64(s.PidsStats.Current),
	}, nil
}

// Attach implements engine.Engine.
func (e *Engine) Attach(ctx context.Context, id string) (engine.Container, error) {
	in, err := e.cli.ContainerInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("container %q: %w", id, engine.ErrNoContainer)
	}
	if err != nil {
		return nil, e.explain(fmt.Sprintf("inspecting container %q", id), err)
	}
	return &Container{eng: e, id: in.ID}, nil
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
		f := engine.Found{ID: c.ID, Labels: c.Labels, Running: c.State == container.StateRunning, Created: time.Unix(c.Created, 0)}
		if len(c.Names) > 0 {
			f.Name = c.Names[0]
		}
		found = append(found, f)
	}
	return found, nil
}
