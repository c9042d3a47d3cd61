package wrapper

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

// A lock says that a ferry is alive and runs the job of this id on this node. The kernel gives it up when the process
// ends, however it ends, and sees it across containers that mount the same directory. A lock file that nobody holds is
// what a killed ferry left.
type lock struct {
	f    *os.File
	path string
}

// held is what stands in a lock file: what a later ferry must clean if this one is killed.
type held struct {
	Job      string `json:"job"`
	Root     string `json:"root"`               // name of the attempt's root in the local prefix
	Sweeping bool   `json:"sweeping,omitempty"` // the holder does not run the job: it removes what a dead one left
}

const (
	lockDir    = ".ferry" // the folder of locks in the local prefix
	lockSuffix = ".lock"
	// lockWait is how long a job waits for its own lock: another ferry that looks for orphans holds it for a moment.
	lockWait = 2 * time.Second
	// sweepWait is how long it waits for one that removes what a dead attempt left, which may be many files.
	sweepWait = 2 * time.Minute
	lockPause = 50 * time.Millisecond
	// lockTries bounds the race with a ferry that removes the file while we open it.
	lockTries = 100
)

// errHeld says that a living ferry holds the lock.
var errHeld = errors.New("held by another ferry")

// lockJob takes the lock of a job; one that runs already is refused.
func lockJob(ctx context.Context, prefix, id string) (*lock, error) {
	file := filepath.Join(prefix, lockDir, id+lockSuffix)
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
			return nil, cause.Fail(cause.Refused, "give this one another --job-id", "job %q is %w", id, errRunning)
		}
		return l, cause.Name(context.Background(), cause.Usage, "is the local prefix writable?", err)
	}
}

// takeLock takes the lock in the file, or says errHeld at once.
func takeLock(file string) (*lock, error) {
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
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, errHeld
			}
			return nil, fmt.Errorf("locking %q: %w", file, err)
		}
		mine, err1 := f.Stat()
		there, err2 := os.Stat(file)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return &lock{f: f, path: file}, nil
		}
		f.Close() // removed between opening and locking
	}
	return nil, fmt.Errorf("locking %q: it keeps changing", file)
}

// heldMax bounds what is read of a lock file.
const heldMax = 1 << 16

// read is what the last holder wrote; the zero value where that is nothing usable.
func (l *lock) read() held {
	data, err := io.ReadAll(io.NewSectionReader(l.f, 0, heldMax))
	if err != nil {
		return held{}
	}
	return parseHeld(data, strings.TrimSuffix(filepath.Base(l.path), lockSuffix))
}

// parseHeld believes nothing but the root of an attempt at the job whose lock it is: others may be able to write here.
func parseHeld(data []byte, job string) (h held) {
	if json.Unmarshal(data, &h) != nil {
		return held{}
	}
	if h.Root != filepath.Base(h.Root) || !strings.HasPrefix(h.Root, job+".") {
		h.Root = ""
	}
	return h
}

func (l *lock) write(h held) error {
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

// abandon gives the lock up and leaves its file, which says what is to be cleaned.
func (l *lock) abandon() {
	if l != nil {
		_ = l.f.Close()
	}
}

// release removes the lock, and the folder of locks where it was the last.
func (l *lock) release() {
	if l == nil {
		return
	}
	_ = os.Remove(l.path)
	_ = l.f.Close()
	_ = os.Remove(filepath.Dir(l.path))
}
