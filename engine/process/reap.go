package process

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// A reaper waits for processes that ferry did not start itself. The kernel gives process 1 of a container those whose parent has
// ended, and each stays in the table of processes until process 1 has waited for it. A module that starts many would meet the
// container's limit of them.
type reaper struct {
	mu  sync.Mutex   // held while a child is started, so that none is taken for another's before it is known
	own map[int]bool // children that somebody waits for
}

// start starts a child that the caller will wait for.
func (r *reaper) start(cmd *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := cmd.Start()
	if err == nil {
		if r.own == nil {
			r.own = map[int]bool{}
		}
		r.own[cmd.Process.Pid] = true
	}
	return err
}

// ended says that a child was waited for.
func (r *reaper) ended(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.own, pid)
}

// reapPause is between two looks at the processes: a look costs a read for each, and a shell ends hundreds a second.
const reapPause = 100 * time.Millisecond

// watch reaps until stop is called. It does nothing where ferry is not process 1.
func (r *reaper) watch() (stop func()) {
	if os.Getpid() != 1 {
		return func() {}
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				r.reap()
			case <-done:
				return
			}
			select {
			case <-time.After(reapPause):
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(ended)
		close(done)
		r.reap()
	}
}

// reap waits for each process that has ended and was given to this one.
func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	me := os.Getpid()
	for _, p := range processes() {
		if p.parent == me && p.state == "Z" && !r.own[p.pid] {
			_, _ = syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
		}
	}
}
