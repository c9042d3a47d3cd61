package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"

	"github.com/genepattern/ferry/scheduler"
)

// lockFD is the lock that the submitting process handed on.
const lockFD = 3

// A Runner is ferry, as a task's process has it.
type Runner struct {
	// Job runs a job that is no array, and gives its exit code.
	Job func(handle string) int
	// Child runs one child of an array, and gives its exit code. log gets what ferry says. The end of ctx asks the child to end, as
	// SIGTERM does. It is called for several children at the same time.
	Child func(ctx context.Context, handle string, index int, log *os.File) int
}

// Serve is the task's process: it runs the task of a spool to its end and writes down its exit code, which it gives back.
func Serve(dir string, r Runner) (code int, err error) {
	s := spool(dir)
	syscall.CloseOnExec(lockFD) // no child of this process may hold it on
	t, err := s.task()
	if err != nil {
		return 0, fmt.Errorf("reading the job's spool: %w", err)
	}
	// What a caught panic or a signal leaves is an exit code file that is missing: the task then counts as lost.
	if t.Children == nil {
		code = r.Job(t.Handle)
	} else if code, err = s.pool(t, r); err != nil {
		return code, err
	}
	return code, os.WriteFile(s.file(exitName), []byte(strconv.Itoa(code)+"\n"), 0o600)
}

// places is how many children run at once.
func places(t scheduler.Task) int {
	if t.Parallel > 0 {
		return t.Parallel
	}
	return runtime.NumCPU()
}

// pool runs the children. The first SIGTERM ends those that run and begins no others. The code is 0 where all succeeded, else that of
// the first that failed.
func (s spool) pool(t scheduler.Task, r Runner) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	journal, err := os.OpenFile(s.file(childrenName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = journal.Close() }()
	var mu sync.Mutex
	first, broken := 0, false
	note := func(index int, word string, code int) {
		mu.Lock()
		defer mu.Unlock()
		if code != 0 && first == 0 {
			first = code
		}
		if broken {
			return // after half a line there may be no other; the children's records tell
		}
		_, err := fmt.Fprintf(journal, "%d %s\n", index, word)
		broken = err != nil
	}
	queue := make(chan int)
	var wg sync.WaitGroup
	for range min(places(t), len(t.Children)) {
		wg.Go(func() {
			for i := range queue {
				note(i, "-", 0)
				code := s.child(ctx, t, i, r)
				note(i, strconv.Itoa(code), code)
			}
		})
	}
	begun := 0
	for _, i := range t.Children {
		if ctx.Err() != nil {
			break
		}
		select {
		case queue <- i:
			begun++
		case <-ctx.Done():
		}
	}
	close(queue)
	wg.Wait()
	if begun < len(t.Children) && first == 0 {
		first = interrupted
	}
	return first, nil
}

// interrupted is the code of an array that was told to stop before all its children had begun: cause.Interrupted's.
const interrupted = 75

// notStarted is the code of a child that could not be started: cause.Internal's.
const notStarted = 70

// child runs one child of an array. Nothing that becomes of it touches the others.
func (s spool) child(ctx context.Context, t scheduler.Task, index int, r Runner) (code int) {
	log, err := os.OpenFile(s.log(index), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil { // such as on a full disk: the child is worth more than what ferry says of it
		log, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	if err != nil {
		return notStarted
	}
	defer func() { _ = log.Close() }()
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(log, "ferry: internal error: %v\n%s", p, debug.Stack())
			code = notStarted
		}
	}()
	return r.Child(ctx, t.Handle, index, log)
}

// Exec is Runner.Child by a process of its own. executable is ferry.
func Exec(ctx context.Context, executable, handle string, index int, log *os.File) int {
	cmd := exec.CommandContext(ctx, executable, "run", "--handle", handle, "--child", strconv.Itoa(index))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintf(log, "ferry: %v\n", err)
		return notStarted
	}
	if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && st.Signaled() {
		return 128 + int(st.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
