package wrapper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// A lock says that a ferry is alive and runs the job of this id on this node. The kernel gives it up when the process
// ends, however it ends, and sees it across containers that mount the same directory.
type lock struct {
	f    *os.File
	path string
}

// lockDir is the folder of locks in the local prefix.
const lockDir = ".ferry"

// lockTries bounds the race with a ferry that removes the file while we open it.
const lockTries = 100

func lockJob(prefix, id string) (*lock, error) {
	l := &lock{path: filepath.Join(prefix, lockDir, id+".lock")}
	for range lockTries {
		if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
			return nil, diskCause(CauseUsage, "", fmt.Errorf("making the lock: %w", err))
		}
		f, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue // its folder was removed just now
		}
		if err != nil {
			return nil, diskCause(CauseUsage, "", fmt.Errorf("making the lock: %w", err))
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, Fail(CauseRefused, "give this one another --job-id", "job %q is running on this node already", id)
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %q: %w", l.path, err)
		}
		mine, err1 := f.Stat()
		there, err2 := os.Stat(l.path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			l.f = f
			return l, nil
		}
		f.Close() // removed between opening and locking
	}
	return nil, fmt.Errorf("locking %q: it keeps changing", l.path)
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
