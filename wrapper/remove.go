package wrapper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/record"
)

// removeUnused removes a site that was never whole.
func (s *site) removeUnused() error { return s.remove(func() error { return fs.ErrPermission }, false) }

// remove removes this attempt's tree and gives up the job's lock. With --keep the tree stays, but the private inputs do not:
// they never outlive the job on the node. asRoot empties the tree where ferry may not. inEngine is whether a container may be left
// there: the lock's file has the id by which the next ferry knows it.
func (s *site) remove(asRoot func() error, inEngine bool) error {
	left, err := s.removeTree(asRoot)
	if left || inEngine {
		s.lock.Abandon() // the lock's file tells the next ferry what is left
		return err
	}
	s.lock.Release()
	if s.madePrefix {
		_ = os.Remove(s.job.LocalPrefix) // only where nothing is in it
	}
	return err
}

// removeTree removes the tree, or what --keep does not keep of it. left reports whether the next ferry has something to remove.
func (s *site) removeTree(asRoot func() error) (left bool, err error) {
	if s.root == nil {
		return false, nil
	}
	defer s.root.Close()
	defer s.inPlace.close()
	if s.logs != nil {
		s.logs.close()
	}
	if s.job.Keep {
		return false, s.keep()
	}
	err = rmtree.All(s.paths.dir)
	if errors.Is(err, fs.ErrPermission) {
		if err = asRoot(); err == nil {
			err = rmtree.All(s.paths.dir)
		}
	}
	if err != nil {
		return true, fmt.Errorf("removing the attempt's files: %w", err)
	}
	return false, nil
}

// keep leaves the tree for --keep, and gives it to the caller where the module ran as the caller.
func (s *site) keep() error {
	if s.inPlace == nil {
		showOwn(s)
	}
	_ = rmtree.Below(s.root, ownDir)
	if err := removePrivate(s.root, &s.job); err != nil {
		return fmt.Errorf("removing private inputs: %w", err)
	}
	if who, ok := ownerOf(callerOf(&s.job)); ok && s.job.Container.User == job.UserCaller && os.Geteuid() == 0 {
		if err := give(s.root, ".", who, true); err != nil {
			return fmt.Errorf("giving the files to their caller: %w", err)
		}
	}
	s.tell.log.Info().Str("dir", filepath.Clean(s.paths.dir)).Msg("local files are kept")
	return nil
}

// showOwn puts ferry's own files where people look for them, in the metadata dir.
func showOwn(s *site) {
	for _, n := range record.OwnNames() {
		root, name := s.at(s.own(n))
		from, err := root.Open(name)
		if err != nil {
			continue // that one was not written
		}
		err = writeFrom(s, s.metadata(n), from)
		_ = from.Close()
		if err != nil {
			s.tell.warn("putting %s into the metadata dir: %v", n, err)
		}
	}
}

// maxKept bounds how deep a kept tree is looked into, in bytes of a path. Below, nothing can be opened by its path.
const maxKept = 4096

// removePrivate removes each file and directory that has the user's id as an element of its path, whoever staged it in. The
// job's results are no inputs and stay. A directory too deep to be looked into is removed whole.
func removePrivate(root *os.Root, j *job.Job) error {
	if j.Identity.User == "" {
		return nil
	}
	work, metadata := j.Dirs.Work, j.Dirs.Metadata
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		p := "/" + name
		switch {
		case err != nil:
			return err
		case subpath.Within(work, p) || subpath.Within(metadata, p):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() && len(name) > maxKept:
		case !slices.Contains(strings.Split(name, "/"), j.Identity.User):
			return nil
		case subpath.Within(p, work) || subpath.Within(p, metadata):
			return nil // what lies beside the results is looked at by itself
		}
		if err := rmtree.Below(root, name); err != nil || !d.IsDir() {
			return err
		}
		return fs.SkipDir
	})
}
