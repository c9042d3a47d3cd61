package docker

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/genepattern/ferry/engine"
)

var (
	_ engine.Container = (*Container)(nil)
	_ engine.Copier    = (*Container)(nil)
)

// Container is one container of an Engine.
type Container struct {
	conn *conn
	id   string

	of      programs
	watched bool // its memory is limited, and it was made here on this machine

	mu      sync.Mutex
	stopped bool          // Stop was called
	copied  chan struct{} // closed once all output is written; nil before Start
	ended   chan struct{} // closed once the engine said that it ended, or went away; nil before Start
	waited  error         // why the engine could not say it; read after ended
	oom     *oomWatch     // nil where the kernel cannot be asked

	stdout, stderr io.Writer // of Start
}

// ID implements engine.Container.
func (c *Container) ID() string { return c.id }

// Start implements engine.Container. It attaches and waits before it starts, so that neither output nor the end of a
// short module is missed.
func (c *Container) Start(ctx context.Context, stdout, stderr io.Writer) error {
	if err := c.runnable(ctx); err != nil {
		return err
	}
	// Attaching and waiting outlive the call: they end with the container or with Remove.
	long := context.WithoutCancel(ctx)
	stream, err := c.conn.attach(long, c.id)
	if err != nil {
		return c.unattached(ctx, err)
	}
	results, errs := c.conn.cli.ContainerWait(long, c.id, container.WaitConditionNextExit)
	if err := c.conn.cli.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		stream.Close()
		if ctx.Err() != nil {
			return c.conn.explain("starting the container", err)
		}
		return c.conn.launching("starting the container", err)
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
	watch := c.watchOOM(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.oom = watch
	return nil
}

// unattached is why a container cannot be attached to. Podman prepares a container at that moment, and the client library keeps the
// engine's words of what is wrong to itself; so it is asked to start it.
func (c *Container) unattached(ctx context.Context, err error) error {
	if gone(err) || ctx.Err() != nil {
		return c.conn.explain("attaching to the container", err)
	}
	if why := c.conn.cli.ContainerStart(ctx, c.id, container.StartOptions{}); why != nil {
		return c.conn.launching("starting the container", why)
	}
	_ = c.conn.cli.ContainerKill(context.WithoutCancel(ctx), c.id, "KILL") // nobody would hear it
	return c.conn.explain("attaching to the container", err)
}

// runnable looks whether the command is there: the init process starts whatever it is asked to run, and a command that
// does not exist would look like a module that ended with 127.
func (c *Container) runnable(ctx context.Context) error {
	if c.of.command == "" || c.of.has(c.of.command) {
		return nil
	}
	_, err := c.conn.cli.ContainerStatPath(ctx, c.id, c.of.command)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("%s engine: %w: no %q in it", c.conn.name, engine.ErrLaunch, c.of.command)
	}
	return c.conn.explain(fmt.Sprintf("looking for %q in the container", c.of.command), err)
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

// Has implements engine.Container.
func (c *Container) Has(ctx context.Context, paths []string) (map[string]bool, error) {
	has := make(map[string]bool, len(paths))
	for _, p := range paths {
		if c.of.has(p) {
			has[p] = true
			continue
		}
		stat, err := c.conn.cli.ContainerStatPath(ctx, c.id, p)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, c.conn.explain(fmt.Sprintf("looking for %q in the container", p), err)
		}
		has[p] = !stat.Mode.IsDir()
		if has[p] {
			c.of.note(p)
		}
	}
	return has, nil
}

// Stop implements engine.Container.
func (c *Container) Stop(ctx context.Context, grace time.Duration) error {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	secs := int(grace.Round(time.Second) / time.Second)
	err := c.conn.cli.ContainerStop(ctx, c.id, container.StopOptions{Timeout: &secs})
	if errdefs.IsNotFound(err) || errdefs.IsNotModified(err) {
		return nil
	}
	return c.conn.explain("stopping the container", err)
}

// Remove implements engine.Container.
func (c *Container) Remove(ctx context.Context) error {
	c.mu.Lock()
	c.oom.close()
	c.mu.Unlock()
	err := c.conn.cli.ContainerRemove(ctx, c.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) { // a conflict is a removal that is under way
		return nil
	}
	return c.conn.explain("removing the container", err)
}
