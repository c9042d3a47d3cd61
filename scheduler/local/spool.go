package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/scheduler"
)

// A spool is the directory of one task.
type spool string

// The files of a spool.
const (
	taskName     = "task.json"
	lockName     = "lock"     // held by the task's process
	pidName      = "pid"      // of that process
	exitName     = "exit"     // its exit code
	childrenName = "children" // of an array: a line "INDEX CODE" for each child that has ended, "INDEX -" for one that began
)

func (s spool) file(name string) string { return filepath.Join(string(s), name) }

// log is the file that has what ferry said.
func (s spool) log(child int) string {
	if child < 0 {
		return s.file("log")
	}
	return s.file("log." + strconv.Itoa(child))
}

// lock takes the lock. Whoever has the file, or a copy of it, holds it.
func (s spool) lock() (*os.File, error) {
	f, err := os.OpenFile(s.file(lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking the job's spool: %w", err)
	}
	return f, nil
}

// held reports whether the task's process lives.
func (s spool) held() bool {
	f, err := os.Open(s.file(lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

func (s spool) task() (t scheduler.Task, err error) {
	data, err := bounded.File(s.file(taskName), 64*bounded.Small)
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	return t, err
}

// report is what the files say. The lock is looked at before the exit code, because the code is written before the lock is free.
func (s spool) report() (scheduler.Report, error) {
	t, err := s.task()
	if err != nil {
		return scheduler.Report{}, fmt.Errorf("reading the job's spool: %w", err)
	}
	lives := s.held()
	r := scheduler.Report{Phase: scheduler.Running, Attempts: 1}
	if info, err := os.Stat(s.file(taskName)); err == nil {
		r.Started = info.ModTime()
	}
	if data, err := bounded.File(s.file(exitName), bounded.Small); err == nil {
		code, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err == nil {
			r.Code = &code
		}
		if info, err := os.Stat(s.file(exitName)); err == nil {
			r.Ended = info.ModTime()
		}
	}
	switch {
	case lives:
		r.Code, r.Ended = nil, time.Time{}
	case r.Code == nil:
		r.Phase, r.Why = scheduler.Failed, "ferry's process ended without a word: it was killed, or the machine was restarted"
	case *r.Code == 0:
		r.Phase = scheduler.Succeeded
	default:
		r.Phase = scheduler.Failed
	}
	if t.Children != nil {
		return r, s.children(&r, t, lives)
	}
	return r, nil
}

// children counts those of an array.
func (s spool) children(r *scheduler.Report, t scheduler.Task, lives bool) error {
	codes, err := s.codes()
	if err != nil {
		return err
	}
	r.Children = map[scheduler.Phase]int{}
	for _, i := range t.Children {
		phase := scheduler.Waiting
		switch code, begun := codes[i]; {
		case begun && code == 0:
			phase = scheduler.Succeeded
		case begun && code > 0:
			phase = scheduler.Failed
		case begun && lives:
			phase = scheduler.Running
		case !lives: // it will not begin any more, or ended with the array's process
			phase = scheduler.Failed
		}
		r.Children[phase]++
		if phase == scheduler.Failed {
			r.Failed = append(r.Failed, i)
		}
	}
	if lives && r.Children[scheduler.Waiting] > 0 {
		r.Why = fmt.Sprintf("%d wait for one of the %d places", r.Children[scheduler.Waiting], places(t))
	}
	slices.Sort(r.Failed)
	return nil
}

// running is the code of a child that has begun and not ended.
const running = -1

// codes are the exit codes of the children that have begun.
func (s spool) codes() (map[int]int, error) {
	f, err := os.Open(s.file(childrenName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	codes := map[int]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		index, text, _ := strings.Cut(lines.Text(), " ")
		i, err := strconv.Atoi(index)
		if err != nil {
			continue // of a process that was killed while it wrote
		}
		code, err := strconv.Atoi(text)
		if err != nil {
			code = running
		}
		codes[i] = code
	}
	return codes, lines.Err()
}

// terminate sends SIGTERM to the process, if it lives. The lock says that the number is still that of the process.
func (s spool) terminate() error {
	for range 100 { // its number is written right after its start
		if !s.held() {
			return nil
		}
		data, err := bounded.File(s.file(pidName), bounded.Small)
		if pid, e := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && e == nil && pid > 1 {
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stopping the job's process: %w", err)
			}
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("the number of the job's process is not known")
}

// tail is the end of a file, in whole lines where it is cut.
func tail(name string, most int64) (string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	off := max(0, info.Size()-most)
	data, err := io.ReadAll(io.NewSectionReader(f, off, most))
	text := string(data)
	if off > 0 {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text, err
}
