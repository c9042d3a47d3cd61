package docker

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/genepattern/ferry/engine"
)

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
		end, err := c.end(context.WithoutCancel(ctx))
		switch {
		case err != nil:
			return engine.Exit{}, err
		case !end.running:
			end.OOMKilled = end.OOMKilled || end.limited && c.toldOOM(ctx, end.Exit)
			end.Lost = waited != nil
			return end.Exit, nil
		case waited == nil:
			return end.Exit, fmt.Errorf("%s engine: container %.12s runs on after its end", c.conn.name, c.id)
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
		results, errs = c.conn.cli.ContainerWait(ctx, c.id, container.WaitConditionNotRunning)
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
	stream, err := c.conn.attach(ctx, c.id)
	if err != nil {
		return nil // the output goes on being lost; the module does not
	}
	copied := make(chan struct{})
	go c.copy(stream, stdout, stderr, copied)
	return copied
}

// returnTime and returnPause bound how long an engine that went away, to be restarted perhaps, is asked again what became
// of the container.
const (
	returnTime  = 30 * time.Second
	returnPause = 500 * time.Millisecond
)

// An end is how a container ended, unless it runs.
type end struct {
	engine.Exit
	running bool
	limited bool // its memory is
}

// end asks the engine how the container ended.
func (c *Container) end(ctx context.Context) (end, error) {
	deadline := time.Now().Add(returnTime)
	for {
		in, err := c.conn.container(ctx, c.id)
		if err != nil && gone(err) && time.Now().Before(deadline) {
			time.Sleep(returnPause)
			continue
		}
		if errdefs.IsNotFound(err) {
			return end{}, fmt.Errorf("container %.12s: %w", c.id, engine.ErrNoContainer)
		}
		if err != nil {
			return end{}, c.conn.explain("asking how the container ended", err)
		}
		s := in.State
		e := end{Exit: engine.Exit{Code: s.ExitCode, OOMKilled: s.OOMKilled, Error: s.Error}, running: s.Running}
		e.Started, _ = time.Parse(time.RFC3339Nano, s.StartedAt)
		if !s.Running {
			e.Finished, _ = time.Parse(time.RFC3339Nano, s.FinishedAt)
		}
		if h := in.HostConfig; h != nil {
			e.limited = h.Memory > 0 || h.CgroupParent != "" // the limit may be the parent's
		}
		return e, nil
	}
}

// oomTime bounds the wait for the engine to say that a killed container was killed for memory. On a node with eight times
// more to run than it has cores up to half a second was seen.
const oomTime = 2 * time.Second

// toldOOM looks for the kernel's word, and the engine's event, that a killed container was killed for memory. An engine learns of that and of the
// end on different ways: where the end comes first, what it says of the end leaves it out, for good (Docker 20.10) or for a
// while. A kill of ferry's own needs no explanation.
func (c *Container) toldOOM(ctx context.Context, exit engine.Exit) bool {
	c.mu.Lock()
	stopped, kernel := c.stopped, c.oom
	c.mu.Unlock()
	if stopped || exit.Code != 128+int(syscall.SIGKILL) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, oomTime)
	defer cancel()
	// The time is the engine's own. It notes the start when the process runs already.
	said, failed := c.conn.cli.Events(ctx, events.ListOptions{
		Since:   exit.Started.Add(-oomTime).Format(time.RFC3339Nano),
		Filters: filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("container", c.id), filters.Arg("event", string(events.ActionOOM))),
	})
	select {
	case <-said:
		return true
	case <-kernel.killed():
		return true
	case err := <-failed: // also the end of the wait
		_ = err // nothing is known then
		return false
	}
}
