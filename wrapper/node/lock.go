package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
)

// A Lock shows that a living ferry runs the job of this id on this node. It is an flock(2) on a file below the local prefix, so it
// works between containers that mount the same directory. The kernel gives it up when the process ends, however it ends. A lock
// file that nobody holds was left by a killed ferry. One goroutine uses a Lock at a time.
type Lock struct {
	shelf *shelf
	name  string
	f     *os.File
}

// Held is the content of a lock file: what a later ferry must remove if this one is killed. The same stands in the attempt's root,
// for the case that a cleaner of temporary files removes the lock's file.
type Held struct {
	Job      string `json:"job"`
	Root     string `json:"root"`               // name of the attempt's root in the local prefix
	ID       string `json:"id"`                 // random; the attempt's containers carry it as LabelID
	By       By     `json:"by"`                 // who holds the lock
	Sweeping bool   `json:"sweeping,omitempty"` // the holder does not run the job: it removes what a dead one left
}

const (
	lockSuffix = ".lock"
	// lockWait is how long a job waits for its own lock. Another ferry that looks for orphans holds that lock for a moment.
	lockWait = 2 * time.Second
	// sweepWait is how long a job waits for a ferry that removes what a dead attempt of it left. The engine may be slow.
	sweepWait = 2 * time.Minute
	// lockPause is between two tries.
	lockPause = 50 * time.Millisecond
	// lockTries bounds the race with a ferry that removes the file while this one opens it.
	lockTries = 100
)

// ErrRunning is the error of a job that another ferry runs on this node right now. The other ferry's record must stand.
var ErrRunning = errors.New("running on this node already")

// errHeld says that a living ferry holds the lock.
var errHeld = errors.New("held by another ferry")

// LockJob takes the lock of a job below a local prefix. It waits for a ferry that looks for orphans, up to two minutes. A job that
// runs already is refused: the error wraps ErrRunning and has the cause cause.Refused. Its other errors have a cause, too.
func LockJob(ctx context.Context, prefix, id string) (*Lock, error) {
	for begun := time.Now(); ; {
		l, err := takeLock(prefix, id)
		if errors.Is(err, errHeld) {
			wait := lockWait
			if heldNow(prefix, id).Sweeping {
				wait = sweepWait
			}
			select {
			case <-ctx.Done():
				return nil, cause.Stopped(ctx, ctx.Err())
			case <-time.After(lockPause):
			}
			if time.Since(begun) < wait {
				continue
			}
			return nil, Running(id)
		}
		return l, cause.Name(context.Background(), cause.Usage, "is the local prefix writable?", err)
	}
}

// Running is the error of a job that another ferry runs.
func Running(id string) error {
	return cause.Fail(cause.Refused, "give this one another --job-id", "job %q is %w", id, ErrRunning)
}

// takeLock takes the lock of a job. It does not wait: where another ferry holds the lock, the error is errHeld.
func takeLock(prefix, id string) (*Lock, error) {
	for range lockTries {
		s, err := openShelf(prefix, true)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was removed just now
		}
		if err != nil {
			return nil, fmt.Errorf("making the lock: %w", err)
		}
		l := &Lock{shelf: s, name: id + lockSuffix}
		switch err := l.take(); {
		case err == nil:
			return l, nil
		case errors.Is(err, os.ErrNotExist):
			_ = s.Close()
		default:
			_ = s.Close()
			return nil, err
		}
	}
	return nil, fmt.Errorf("locking job %q: the lock keeps changing", id)
}

// take opens the file and locks it. os.ErrNotExist where the file was removed meanwhile.
func (l *Lock) take() error {
	f, err := open(l.shelf.Root, l.name, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return fmt.Errorf("making the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return errHeld
		}
		return fmt.Errorf("locking %q: %w", l.path(), err)
	}
	l.f = f
	if l.isThere() {
		return nil
	}
	_ = f.Close() // removed between opening and locking
	return os.ErrNotExist
}

// isThere reports whether the lock's file still has its name.
func (l *Lock) isThere() bool {
	mine, err1 := l.f.Stat()
	there, err2 := os.Lstat(l.path())
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

func (l *Lock) path() string { return filepath.Join(l.shelf.dir, l.name) }

// heldNow is what the lock file of a job says, whoever holds it.
func heldNow(prefix, id string) Held {
	s, err := openShelf(prefix, false)
	if err != nil {
		return Held{}
	}
	defer s.Close()
	data, err := read(s.Root, id+lockSuffix)
	if err != nil {
		return Held{}
	}
	return parseHeld(data, id)
}

// Read is what the last holder wrote, or the zero Held where the file holds nothing usable.
func (l *Lock) Read() Held {
	data, err := io.ReadAll(io.NewSectionReader(l.f, 0, smallMax))
	if err != nil {
		return Held{}
	}
	return parseHeld(data, strings.TrimSuffix(l.name, lockSuffix))
}

// parseHeld reads what is held of a job. It accepts only a root that belongs to that job.
func parseHeld(data []byte, job string) (h Held) {
	if json.Unmarshal(data, &h) != nil || h.Job != job {
		return Held{}
	}
	if !isRootOf(h.Root, job) {
		h.Root = ""
	}
	return h
}

// Write writes what a later ferry must remove if this one is killed.
func (l *Lock) Write(h Held) error {
	data, err := json.Marshal(h)
	if err == nil {
		err = l.f.Truncate(0)
	}
	if err == nil {
		_, err = l.f.WriteAt(data, 0)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", l.path(), err)
	}
	return nil
}

// Abandon gives the lock up and leaves its file, which says what is to be removed. The Lock may be nil.
func (l *Lock) Abandon() {
	if l != nil {
		_ = l.f.Close()
		_ = l.shelf.Close()
	}
}

// Release gives the lock up and removes its file, and the folder of locks where it was the last. A file of another ferry, which has
// taken the place of a lost one, stays. The Lock may be nil.
func (l *Lock) Release() {
	if l == nil {
		return
	}
	if l.isThere() {
		_ = l.shelf.Remove(l.name)
	}
	l.Abandon()
	_ = os.Remove(l.shelf.dir)
}
