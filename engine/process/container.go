package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
)

// drainTime bounds how long output is read after the module's last process was killed: one that left its session could
// hold the pipe open for ever.
const drainTime = 5 * time.Second

// container is one process and its descendants.
type container struct {
	engine  *Engine
	id      string
	spec    engine.Spec
	created time.Time
	links   links

	mu    sync.Mutex
	pid   int // 0 before the start; also its session and process group
	exit  engine.Exit
	ended chan struct{} // closed once exit is final
}

var (
	_ engine.Container = (*container)(nil)
	_ engine.Signaler  = (*container)(nil)
)

func (c *container) ID() string { return c.id }

func (c *container) carries(labels map[string]string) bool {
	for k, v := range labels {
		if have, ok := c.spec.Labels[k]; !ok || v != "" && have != v {
			return false
		}
	}
	return true
}

func (c *container) process() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

func (c *container) running() bool {
	select {
	case <-c.ended:
		return false
	default:
		return c.process() != 0
	}
}

// Has says which of the paths are files here.
func (c *container) Has(_ context.Context, paths []string) (map[string]bool, error) {
	has := map[string]bool{}
	for _, p := range paths {
		st, err := os.Stat(p)
		has[p] = err == nil && st.Mode().IsRegular()
	}
	return has, nil
}

// Start starts the process. It lives in a session of its own, so that all of it can be found and ended.
func (c *container) Start(_ context.Context, stdout, stderr io.Writer) error {
	if c.process() != 0 {
		return fmt.Errorf("%w: started already", engine.ErrLaunch)
	}
	started := make(chan error, 1)
	go func() {
		// What the kernel keeps per thread, the privileges that are given up here and the signal that ends the child with
		// its parent, is this thread's until the process has ended. The thread ends with the goroutine.
		runtime.LockOSThread()
		c.live(stdout, stderr, started)
	}()
	return <-started
}

// live starts the process, says so on started, and sees it to its end.
func (c *container) live(stdout, stderr io.Writer, started chan<- error) {
	cmd, pipes, err := c.command(stdout, stderr)
	if err == nil {
		if err = dropPrivileges(c.spec.CapAdd); err == nil {
			err = c.engine.reaper.start(cmd)
		}
		pipes.started()
	}
	if err != nil {
		started <- fmt.Errorf("%w: %w", engine.ErrLaunch, err)
		return
	}
	defer c.engine.reaper.watch()()
	begun, kills := time.Now(), oomKills()
	c.mu.Lock()
	c.pid = cmd.Process.Pid
	c.mu.Unlock()
	started <- nil
	state, err := cmd.Process.Wait()
	c.engine.reaper.ended(cmd.Process.Pid)
	// As in a container, nothing outlives the first process.
	killSession(cmd.Process.Pid)
	pipes.drain()
	exit := engine.Exit{Started: begun, Finished: time.Now()}
	if err != nil {
		exit.Code, exit.Error = 255, err.Error()
	} else if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		exit.Code = 128 + int(ws.Signal())
	} else {
		exit.Code = state.ExitCode()
	}
	exit.OOMKilled = exit.Code == 128+int(syscall.SIGKILL) && oomKills() > kills
	c.mu.Lock()
	c.exit = exit
	c.mu.Unlock()
	close(c.ended)
}

func (c *container) command(stdout, stderr io.Writer) (*exec.Cmd, *pipes, error) {
	env := slices.Concat(c.spec.Image.Env, c.spec.Env)
	path, err := lookPath(c.spec.Command[0], env)
	if err != nil {
		return nil, nil, err
	}
	cmd := &exec.Cmd{
		Path: path, Args: c.spec.Command, Env: env, Dir: c.spec.Workdir,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	p := &pipes{}
	if cmd.Stdout, err = p.to(stdout); err == nil {
		cmd.Stderr, err = p.to(stderr)
	}
	if err != nil {
		p.started()
		return nil, nil, err
	}
	return cmd, p, nil
}

// lookPath finds a command by the PATH that it will have, not by ferry's.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		_, err := os.Stat(name)
		return name, err
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path = p
		}
	}
	for _, dir := range strings.Split(path, ":") {
		file := dir + "/" + name
		if st, err := os.Stat(file); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%q: %w", name, exec.ErrNotFound)
}

// Wait returns once the process has ended and its output is written.
func (c *container) Wait(ctx context.Context) (engine.Exit, error) {
	select {
	case <-c.ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.exit, nil
	case <-ctx.Done():
		return engine.Exit{}, ctx.Err()
	}
}

// Stop sends TERM to every process of the module, and KILL after grace.
func (c *container) Stop(ctx context.Context, grace time.Duration) error {
	pid := c.process()
	if pid == 0 || !c.running() {
		return nil
	}
	if grace > 0 {
		signalGroup(pid, syscall.SIGTERM)
		select {
		case <-c.ended:
			return nil
		case <-ctx.Done():
		case <-time.After(grace):
		}
	}
	killSession(pid)
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Signal implements engine.Signaler.
func (c *container) Signal(s syscall.Signal) {
	if pid := c.process(); pid != 0 && c.running() {
		signalGroup(pid, s)
	}
}

// Stats is what the processes of the session use. CPU time of those that have ended counts where their parent waited for
// them.
func (c *container) Stats(context.Context) (engine.Stats, error) {
	pid := c.process()
	if pid == 0 || !c.running() {
		return engine.Stats{}, fmt.Errorf("%q: %w", c.id, engine.ErrNoContainer)
	}
	return sessionStats(pid), nil
}

// Remove ends the process and takes the links away.
func (c *container) Remove(ctx context.Context) error {
	defer c.engine.forget(c.id)
	return errors.Join(c.Stop(ctx, 0), c.links.remove())
}

// pipes carry a process's output to writers.
type pipes struct {
	read, write []*os.File
	copied      sync.WaitGroup
	writing     sync.Mutex // the writers may be one and the same
}

// turns writes to w while nothing is written to the other.
type turns struct {
	w  io.Writer
	mu *sync.Mutex
}

func (t turns) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Write(b)
}

func (p *pipes) to(w io.Writer) (*os.File, error) {
	r, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.read, p.write = append(p.read, r), append(p.write, end)
	p.copied.Go(func() { _, _ = io.Copy(turns{w, &p.writing}, r) })
	return end, nil
}

// started closes this process's ends for writing, so that the others' end is the end.
func (p *pipes) started() {
	for _, f := range p.write {
		_ = f.Close()
	}
}

func (p *pipes) drain() {
	done := make(chan struct{})
	go func() { p.copied.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(drainTime):
	}
	for _, f := range p.read {
		_ = f.Close()
	}
	<-done
}
