package apptainer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/rmtree"
)

// A shelf is a directory of things that are made once, by whoever needs one first, and then used by all: images as files, or
// unpacked images. Each appears under its name when it is whole. It may be on a disk that several nodes and a group share. What is
// made belongs to its maker; the group may read it, and where the directory lets the group write, add to it.
type shelf struct{ dir string }

const (
	makingPrefix = ".making-"
	lockSuffix   = ".lock"
	// lockPause is between two tries to get a lock. Somebody else fills the same place, which takes seconds to minutes.
	lockPause = 100 * time.Millisecond
	// staleMaking is after which time an unfinished making is nobody's, on a disk that has no locks.
	staleMaking = 24 * time.Hour
)

// path is where the thing of this name is, once it is there.
func (s shelf) path(name string) string { return filepath.Join(s.dir, name) }

func (s shelf) has(name string) bool {
	_, err := os.Lstat(s.path(name))
	return err == nil
}

// get gives the path of the thing of this name. Where it is missing, fill makes it at the path that it gets, in a directory in which it
// may make other things too. One ferry fills, others of all nodes wait for it. A fill that failed or was killed leaves nothing that
// anybody uses, and the next one begins anew.
func (s shelf) get(ctx context.Context, name string, fill func(ctx context.Context, at string) error) (string, error) {
	if s.has(name) {
		return s.path(name), nil
	}
	if err := os.MkdirAll(s.dir, 0o777); err != nil { // what the umask lets
		return "", fmt.Errorf("making the cache of images: %w", err)
	}
	locked, unlock, err := s.lock(ctx, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if s.has(name) {
		return s.path(name), nil
	}
	s.removeUnfinished(name, locked)
	dir, err := os.MkdirTemp(s.dir, makingPrefix+name+"-")
	if err != nil {
		return "", full(fmt.Errorf("making an image: %w", err))
	}
	defer func() { _ = remove(dir) }()
	at := filepath.Join(dir, "image")
	if err := fill(ctx, at); err != nil {
		return "", full(err)
	}
	if err := s.open(at); err != nil {
		return "", err
	}
	// Where there are no locks, somebody may have been faster. What they made is as good.
	if err := os.Rename(at, s.path(name)); err != nil && !s.has(name) {
		return "", err
	}
	return s.path(name), nil
}

// open lets those read a file who may read the directory it is in.
func (s shelf) open(file string) error {
	st, err := os.Lstat(file)
	if err != nil || !st.Mode().IsRegular() {
		return err
	}
	dir, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	return os.Chmod(file, 0o600|dir.Mode().Perm()&0o044)
}

// lock waits until nobody else fills the place. locked is false where the disk has no locks: then two may fill it at the same time,
// and one of them in vain.
func (s shelf) lock(ctx context.Context, name string) (locked bool, unlock func(), err error) {
	file := s.path("." + name + lockSuffix)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return false, nil, full(fmt.Errorf("locking the cache of images: %w", err))
	}
	if dir, err := os.Stat(s.dir); err == nil { // the umask must not keep those out who may fill the cache
		_ = f.Chmod(0o600 | dir.Mode().Perm()&0o066)
	}
	unlock = func() { _ = f.Close() } // the file stays: another may wait for its lock
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, unlock, nil
		case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOLCK):
			return false, unlock, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			unlock()
			return false, nil, fmt.Errorf("locking %q: %w", file, err)
		}
		select {
		case <-ctx.Done():
			unlock()
			return false, nil, context.Cause(ctx)
		case <-time.After(lockPause):
		}
	}
}

// removeUnfinished removes what killed ferries left of this name. Who has the lock knows that nobody lives who makes it.
func (s shelf) removeUnfinished(name string, locked bool) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), makingPrefix+name+"-") {
			continue
		}
		if st, err := e.Info(); err == nil && (locked || time.Since(st.ModTime()) > staleMaking) {
			_ = remove(s.path(e.Name()))
		}
	}
}

// remove removes a tree, also where it has directories that its owner may not enter, as images do, and an overlay.
func remove(dir string) error {
	err := rmtree.All(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	_ = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case !d.IsDir():
			return nil
		}
		if st, err := d.Info(); err == nil && st.Mode().Perm()&0o700 != 0o700 {
			_ = root.Chmod(name, 0o700) // before what is in it is listed
		}
		return nil
	})
	return rmtree.All(dir)
}

// full gives an error of a full disk its cause.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", engine.ErrDisk, err)
	}
	return err
}
