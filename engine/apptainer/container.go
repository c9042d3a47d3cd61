package apptainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
)

// container is one that this process made. Apptainer is a child of this process.
type container struct {
	engine *Engine
	spec   engine.Spec
	rootfs rootfs
	ended  chan struct{} // closed once the exit is final

	mu     sync.Mutex
	record record
}

var _ engine.Container = (*container)(nil)

const (
	// drainTime bounds how long output is read after the module's end: what holds the pipe open then is no process of the module.
	drainTime = 5 * time.Second
	// lookPause is between two looks whether the module has begun. Apptainer takes 0.2 s to begin one.
	lookPause = 5 * time.Millisecond
	// failed is apptainer's code where it could not start something. A module may have it, too.
	failed = 255
)

func (c *container) ID() string { return c.record.ID }

// Has says which of the paths are files in the image.
func (c *container) Has(ctx context.Context, paths []string) (map[string]bool, error) {
	return hasFiles(ctx, c.rootfs, paths)
}

func hasFiles(ctx context.Context, in rootfs, paths []string) (map[string]bool, error) {
	found, err := resolve(ctx, in, paths)
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, p := range paths {
		has[p] = found[p].is && found[p].mode.IsRegular()
	}
	return has, nil
}

// Start starts apptainer, and returns once the module runs, or has ended.
func (c *container) Start(ctx context.Context, stdout, stderr io.Writer) error {
	c.mu.Lock()
	again := c.record.Process.PID != 0
	c.mu.Unlock()
	if again {
		return fmt.Errorf("%w: started already", engine.ErrLaunch)
	}
	p, err := c.engine.program(ctx)
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go c.live(p, stdout, stderr, started)
	return <-started
}

// live starts apptainer, says on started when the module runs, and sees it to its end.
func (c *container) live(p *program, stdout, stderr io.Writer, started chan<- error) {
	kills := oomKillsAround()
	said := &tail{most: tellMax / 16}
	cmd, err := c.command(p, stdout, io.MultiWriter(stderr, said))
	if err == nil {
		err = c.launch(cmd)
	}
	if err != nil {
		started <- fmt.Errorf("%w: %w", engine.ErrLaunch, err)
		return
	}
	begun := time.Now()
	ran := make(chan error, 1)
	go func() { ran <- cmd.Wait() }()
	runs, over := false, false
	for !runs && !over {
		select {
		case err = <-ran:
			over = true
		case <-time.After(lookPause):
			runs = c.begun(cmd.Process.Pid)
		}
	}
	if runs {
		started <- nil
		err = <-ran
	}
	exit := c.exit(cmd, err, begun, kills)
	if !runs && exit.Code == failed && said.fatal() {
		started <- c.explain(p, said)
	} else if !runs {
		started <- nil // it was too short to be seen
	}
	c.finish(exit)
}

// launch starts apptainer in the container's control group, and notes that it did.
func (c *container) launch(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, err := c.engine.groups().make(c.record.ID, c.spec.Limits)
	if err != nil {
		return err
	}
	c.record.Group = g
	// The group is on record before something is in it, so that it is removed if this process is killed now.
	if err = c.engine.depot.write(&c.record); err == nil {
		err = g.enter(cmd.SysProcAttr, cmd.Start)
	}
	if err != nil {
		return errors.Join(err, g.remove())
	}
	c.record.Process = processOf(cmd.Process.Pid)
	if err := c.engine.depot.write(&c.record); err != nil {
		_ = cmd.Process.Kill()
		return errors.Join(err, cmd.Wait(), g.remove())
	}
	return nil
}

// begun reports whether the module runs, and notes where.
func (c *container) begun(pid int) bool {
	space, own, ok := inside(pid)
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.Space = space
	c.record.Group.allow(c.spec.Limits.PIDs, own)
	_ = c.engine.depot.write(&c.record) // apptainer's own process is on record; with it ends all the rest
	return true
}

// exit is how the module ended.
func (c *container) exit(cmd *exec.Cmd, err error, begun time.Time, kills int64) engine.Exit {
	exit := engine.Exit{Started: begun, Finished: time.Now()}
	if cmd.ProcessState == nil {
		exit.Code = failed
		exit.Error = err.Error()
		return exit
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		exit.Code = 128 + int(ws.Signal())
	} else {
		exit.Code = cmd.ProcessState.ExitCode()
	}
	c.mu.Lock()
	g := c.record.Group
	c.mu.Unlock()
	// A group of its own tells it of whatever process of the module. The group that ferry is in tells it of others, too.
	exit.OOMKilled = exit.Code != 0 && g.oomKills() > 0 || exit.Code == 128+int(syscall.SIGKILL) && oomKillsAround() > kills
	return exit
}

// finish notes the end. Nothing of the module outlives apptainer's process.
func (c *container) finish(exit engine.Exit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.record.Process.kill(c.record.Space)
	c.record.Exit = &exit
	_ = c.engine.depot.write(&c.record) // or it may be removed already
	close(c.ended)
}

// explain is why apptainer did not start the module.
func (c *container) explain(p *program, said *tail) error {
	err := fmt.Errorf("%w: apptainer: %s", engine.ErrLaunch, said.words())
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if os.Geteuid() != 0 && !p.suid && cloneUser(ctx, p) != nil {
		return engine.Unreachable(hintUserNS, err)
	}
	return err
}

// Wait returns once the module has ended and its output is written.
func (c *container) Wait(ctx context.Context) (engine.Exit, error) {
	select {
	case <-c.ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return *c.record.Exit, nil
	case <-ctx.Done():
		return engine.Exit{}, ctx.Err()
	}
}

func (c *container) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// Stop sends TERM, which apptainer passes on, and KILL after grace.
func (c *container) Stop(ctx context.Context, grace time.Duration) error {
	c.mu.Lock()
	p, space := c.record.Process, c.record.Space
	c.mu.Unlock()
	if p.PID == 0 || c.hasEnded() {
		return nil
	}
	if grace > 0 {
		_ = syscall.Kill(p.PID, syscall.SIGTERM)
		select {
		case <-c.ended:
			return nil
		case <-ctx.Done():
		case <-time.After(grace):
		}
	}
	if !c.hasEnded() { // its number may be another's since
		if err := p.kill(space); err != nil {
			return err
		}
	}
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats is what the module uses, Apptainer's own programs among it.
func (c *container) Stats(context.Context) (engine.Stats, error) {
	c.mu.Lock()
	g, space, pid := c.record.Group, c.record.Space, c.record.Process.PID
	c.mu.Unlock()
	if pid == 0 || c.hasEnded() {
		return engine.Stats{}, fmt.Errorf("%q: %w", c.record.ID, engine.ErrNoContainer)
	}
	s := usage(members(space))
	if now, peak := g.memory(); now > 0 {
		s.Memory, s.MemoryPeak = now, peak
	}
	return s, nil
}

// Remove ends the module, and removes the container's directory.
func (c *container) Remove(ctx context.Context) error {
	defer c.engine.forget(c.record.ID)
	if err := c.Stop(ctx, 0); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.depot.discard(&c.record)
}

// discard removes what there is of a container that does not run.
func (d *depot) discard(r *record) error {
	return errors.Join(r.Group.remove(), remove(d.path(r.ID)))
}
