package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/genepattern/ferry/internal/rmtree"
)

// trashDir is the folder on the shelf whose content is to be deleted. Deleting hundreds of thousands of files takes seconds, and
// nobody waits for that: a rename puts a tree out of the way, and it is deleted beside the job.
const trashDir = "trash"

// discard puts a file or folder of the local prefix into the trash.
func discard(prefix, name string) error {
	s, err := openShelf(prefix, true)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Mkdir(trashDir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if st, err := s.Lstat(trashDir); err != nil || !st.IsDir() || !own(st) {
		return fmt.Errorf("%s: %w", filepath.Join(s.dir, trashDir), errForeign)
	}
	from := filepath.Join(prefix, name)
	err = os.Rename(from, filepath.Join(s.dir, trashDir, trashName()))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, syscall.EXDEV): // a mount, or the lower layer of an overlay
		return rmtree.All(from)
	}
	return err
}

func trashName() string { return strings.ToLower(rand.Text()[:16]) }

// Trash says whether something below the local prefix waits for its deletion.
func Trash(prefix string) bool {
	entries, err := os.ReadDir(filepath.Join(prefix, ownDir, trashDir))
	return err == nil && len(entries) > 0
}

// EmptyTrash deletes what is in the trash, until ctx ends. Several ferries may do so at the same time. What cannot be deleted does not
// stop the rest: the first such errors are joined.
func EmptyTrash(ctx context.Context, prefix string) error {
	if err := dropParts(prefix); err != nil {
		return err
	}
	s, err := openShelf(prefix, false)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	trash, err := s.OpenRoot(trashDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer trash.Close()
	if st, err := s.Lstat(trashDir); err != nil || !st.IsDir() || !own(st) {
		return fmt.Errorf("%s: %w", filepath.Join(s.dir, trashDir), errForeign)
	}
	d := deleter{ctx: ctx, trash: trash, stuck: map[string]bool{}}
	for d.pass() {
	}
	_ = s.Remove(trashDir)
	_ = os.Remove(s.dir)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(d.failed...)
}

// A deleter deletes trees. It holds few directories open, however deep they are.
type deleter struct {
	ctx    context.Context
	trash  *os.Root
	stuck  map[string]bool // names in the trash that could not be deleted
	failed []error
}

const (
	// deleteBatch is how many names are read at a time.
	deleteBatch = 256
	// deleteDepth is how many levels are gone down. A deeper folder is moved up to the top of the trash.
	deleteDepth = 32
	// deleteErrors is how many errors are told.
	deleteErrors = 10
)

// pass deletes what is at the top of the trash. It reports whether something may be left that can be deleted.
func (d *deleter) pass() (more bool) {
	top, err := d.trash.Open(".")
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		return d.fail(err)
	}
	defer top.Close()
	for d.ctx.Err() == nil {
		names, err := top.Readdirnames(deleteBatch)
		for _, n := range names {
			if d.stuck[n] {
				continue
			}
			if d.delete(d.trash, n, 0) {
				more = true
			} else if d.ctx.Err() == nil {
				d.stuck[n] = true
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrNotExist) { // another ferry has emptied and removed the trash
			return more
		}
		if err != nil {
			return d.fail(err)
		}
	}
	return false
}

func (d *deleter) fail(err error) bool {
	if len(d.failed) < deleteErrors {
		d.failed = append(d.failed, err)
	}
	return false
}

// delete deletes one name, and reports whether it is gone.
func (d *deleter) delete(in *os.Root, name string, depth int) bool {
	if d.ctx.Err() != nil {
		return false
	}
	st, err := in.Lstat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return true
	case err != nil:
		return d.fail(err)
	case st.IsDir():
		if depth == deleteDepth {
			if err := d.moveUp(in, name); err != nil {
				return d.fail(err)
			}
			return true
		}
		if !d.empty(in, name, depth) {
			return false
		}
	}
	if err := in.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return d.fail(fmt.Errorf("deleting %s: %w", path.Join(in.Name(), name), err))
	}
	return true
}

// empty deletes what is in a folder.
func (d *deleter) empty(in *os.Root, name string, depth int) bool {
	dir, err := in.OpenRoot(name)
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	if errors.Is(err, os.ErrPermission) && in.Chmod(name, 0o700) == nil {
		dir, err = in.OpenRoot(name)
	}
	if err != nil {
		return d.fail(err)
	}
	defer dir.Close()
	for tries := 0; tries < 3; tries++ { // reading while deleting may pass over names
		list, err := dir.Open(".")
		if err != nil {
			return d.fail(err)
		}
		seen, kept := 0, 0
		for d.ctx.Err() == nil {
			names, err := list.Readdirnames(deleteBatch)
			seen += len(names)
			for _, n := range names {
				if !d.delete(dir, n, depth+1) {
					kept++
				}
			}
			if err != nil {
				break
			}
		}
		_ = list.Close()
		if kept > 0 || d.ctx.Err() != nil {
			return false
		}
		if seen == 0 {
			break
		}
	}
	return true
}

// moveUp moves a deep folder to the top of the trash.
func (d *deleter) moveUp(in *os.Root, name string) error {
	f, err := in.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	top, err := d.trash.Open(".")
	if err != nil {
		return err
	}
	defer top.Close()
	return renameat(f, name, top, trashName())
}
