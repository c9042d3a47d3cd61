package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
)

// Kind is this machine.
var Kind = scheduler.Kind{
	Name: "local", Form: "local", Usage: "this machine", InPlace: true, Attached: true, Here: true,
	Open: func(h scheduler.Host, place string) (scheduler.Scheduler, error) {
		if place != "" {
			return nil, cause.Fail(cause.Usage, "--to local", "local takes no place: %q", place)
		}
		return &Machine{Dir: filepath.Join(h.State, "local"), Executable: h.Executable, Environ: h.Environ}, nil
	},
}

// ServeCommand is the command of ferry that a task's process runs, with the spool as its argument.
const ServeCommand = "serve-local"

// kept is how long the spool of a task stays after its end.
const kept = 30 * 24 * time.Hour

// A Machine runs tasks on this machine. It is safe for concurrent use, also by several processes.
type Machine struct {
	Dir        string // where the spools are
	Executable string // ferry
	Environ    []string
}

var (
	_ scheduler.Scheduler = (*Machine)(nil)
	_ scheduler.Waiter    = (*Machine)(nil)
	_ scheduler.Logger    = (*Machine)(nil)
)

// Submit starts the task's process. The id is the task's name.
func (m *Machine) Submit(_ context.Context, t scheduler.Task) (string, error) {
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return "", fmt.Errorf("making the directory of local jobs: %w", err)
	}
	m.sweep(time.Now())
	s := spool(filepath.Join(m.Dir, t.Name))
	if err := os.Mkdir(string(s), 0o700); err != nil {
		return "", fmt.Errorf("making the job's spool: %w", err)
	}
	if err := m.start(s, t); err != nil {
		_ = os.RemoveAll(string(s)) // there is no task
		return "", err
	}
	return t.Name, nil
}

func (m *Machine) start(s spool, t scheduler.Task) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file(taskName), data, 0o600); err != nil {
		return err
	}
	lock, err := s.lock()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // the process has it then
	log, err := os.OpenFile(s.log(-1), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(m.Executable, ServeCommand, string(s))
	cmd.Env = append(append([]string{}, m.Environ...), t.Env...)
	cmd.Dir = "/" // it must hold no directory of the user's
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a closed terminal does not end it
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting ferry: %w", err)
	}
	pid := cmd.Process.Pid
	go func() { _ = cmd.Wait() }() // its end is in the spool
	return os.WriteFile(s.file(pidName), []byte(strconv.Itoa(pid)), 0o600)
}

// Find gives the name, which is the id.
func (m *Machine) Find(_ context.Context, name string) (string, error) {
	_, err := m.spool(name)
	return name, err
}

// spool is that of a task. ErrUnknown.
func (m *Machine) spool(id string) (spool, error) {
	if id == "" || strings.ContainsAny(id, "/.") {
		return "", scheduler.ErrUnknown
	}
	s := spool(filepath.Join(m.Dir, id))
	_, err := os.Stat(s.file(taskName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", scheduler.ErrUnknown
	}
	return s, err
}

// Look reads the spool.
func (m *Machine) Look(_ context.Context, id string, _ []int) (scheduler.Report, error) {
	s, err := m.spool(id)
	if err != nil {
		return scheduler.Report{}, err
	}
	return s.report()
}

// Cancel sends SIGTERM to the task's process.
func (m *Machine) Cancel(_ context.Context, id string) error {
	s, err := m.spool(id)
	if err != nil {
		return err
	}
	return s.terminate()
}

// Wait looks again and again whether the lock is free.
func (m *Machine) Wait(ctx context.Context, id string) error {
	s, err := m.spool(id)
	if err != nil {
		return err
	}
	for pause := 5 * time.Millisecond; s.held(); pause = min(pause*3/2, 25*time.Millisecond) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return nil
}

// Log reads the end of a file of the spool.
func (m *Machine) Log(_ context.Context, id string, children []int, place int, most int64) (string, error) {
	s, err := m.spool(id)
	if err != nil {
		return "", err
	}
	child := -1
	if place >= 0 {
		child = children[place]
	}
	return tail(s.log(child), most)
}

// sweep removes the spools of tasks that ended long ago.
func (m *Machine) sweep(now time.Time) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		s := spool(filepath.Join(m.Dir, e.Name()))
		if info, err := os.Stat(s.file(exitName)); err == nil && now.Sub(info.ModTime()) > kept {
			_ = os.RemoveAll(string(s)) // the next one tries again
		}
	}
}
