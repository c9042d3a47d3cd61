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
	f    *os.File
	path string
}

// Held is the content of a lock file: what a later ferry must remove if this one is killed.
type Held struct {
	Job      string `json:"job"`
	Root     string `json:"root"`               // name of the attempt's root in the local prefix
	Sweeping bool   `json:"sweeping,omitempty"` // the holder does not run the job: it removes what a dead one left
}

const (
	ownDir     = ".ferry" // the folder of locks and kept records in the local prefix
	lockSuffix = ".lock"
	// lockWait is how long a job waits for its own lock. Another ferry that looks for orphans holds that lock for a moment.
	lockWait = 2 * time.Second
	// sweepWait is how long a job waits for a ferry that removes what a dead attempt of it left, which may be many files.
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
	file := filepath.Join(prefix, ownDir, id+lockSuffix)
	for begun := time.Now(); ; {
		l, err := takeLock(file)
		if errors.Is(err, errHeld) {
			wait := lockWait
			if data, err := os.ReadFile(file); err == nil && parseHeld(data, id).Sweeping {
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
		}
		if errors.Is(err, errHeld) {
			return nil, cause.Fail(cause.Refused, "give this one another --job-id", "job %q is %w", id, ErrRunning)
		}
		return l, cause.Name(context.Background(), cause.Usage, "is the local prefix writable?", err)
	}
}

// takeLock takes the lock in the file. It does not wait: where another ferry holds the lock, the error is errHeld.
func takeLock(file string) (*Lock, error) {
	for range lockTries {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, fmt.Errorf("making the lock: %w", err)
		}
		f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue // its folder was removed just now
		}
		if err != nil {
			return nil, fmt.Errorf("making the lock: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, errHeld
			}
			return nil, fmt.Errorf("locking %q: %w", file, err)
		}
		mine, err1 := f.Stat()
		there, err2 := os.Stat(file)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return &Lock{f: f, path: file}, nil
		}
		_ = f.Close() // removed between opening and locking
	}
	return nil, fmt.Errorf("locking %q: it keeps changing", file)
}

// heldMax bounds how many bytes are read of a lock file.
const heldMax = 1 << 16

// Read is what the last holder wrote, or the zero Held where the file holds nothing usable.
func (l *Lock) Read() Held {
	data, err := io.ReadAll(io.NewSectionReader(l.f, 0, heldMax))
	if err != nil {
		return Held{}
	}
	return parseHeld(data, strings.TrimSuffix(filepath.Base(l.path), lockSuffix))
}

// parseHeld reads the content of the lock file of job. It accepts only a root that belongs to that job, because others may be
// able to write the file.
func parseHeld(data []byte, job string) (h Held) {
	if json.Unmarshal(data, &h) != nil {
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
		return fmt.Errorf("writing %q: %w", l.path, err)
	}
	return nil
}

// Abandon gives the lock up and leaves its file, which says what is to be removed. The Lock may be nil.
func (l *Lock) Abandon() {
	if l != nil {
		_ = l.f.Close()
	}
}

// Release gives the lock up and removes its file, and the folder of locks where it was the last. The Lock may be nil.
func (l *Lock) Release() {
	if l == nil {
		return
	}
	_ = os.Remove(l.path)
	_ = l.f.Close()
	_ = os.Remove(filepath.Dir(l.path))
}
