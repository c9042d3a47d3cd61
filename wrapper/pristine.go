package wrapper

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/internal/tartree"
)

// pristineDir is where the directories that are to be frozen stand as they were staged in. The module does not see it.
const pristineDir = ownDir + "/frozen"

// A pristine is a copy of what is to be frozen, made before the module starts: the module can write its code and libraries, and what one job
// wrote there must not be what the next one runs. Hard links would be the module's own files, so it is a copy.
type pristine struct {
	dirs []string // paths of the job
	made time.Time
	err  error // why there is none
}

// keepPristine copies what is to be frozen. A failure is the freeze's, not the job's.
func keepPristine(ctx context.Context, s *site) *pristine {
	p := &pristine{dirs: subpath.Outermost(frozenDirs(&s.job))}
	for _, d := range p.dirs {
		if p.err = copyPristine(ctx, s, d); p.err != nil {
			p.err = fmt.Errorf("keeping %s as it was staged in: %w", d, p.err)
			_ = rmtree.Below(s.root, pristineDir)
			return p
		}
	}
	p.made, p.err = clockOf(s)
	return p
}

func copyPristine(ctx context.Context, s *site, dir string) error {
	if err := s.root.MkdirAll(pristineDir, 0o700); err != nil {
		return err
	}
	to, err := s.root.OpenRoot(pristineDir)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	r := tartree.Stream(func(w *tartree.Writer) error {
		return copytree.FromRoot(s.root, inRoot(dir), dir, notForImage(&s.job), s.tell.warn).Write(ctx, w, inRoot(dir), false)
	})
	defer func() { _ = r.Close() }()
	x := tartree.Extractor{Root: to, Owners: os.Geteuid() == 0}
	return x.Extract(ctx, r)
}

// clockOf is the time by the clock of the attempt's file system, which may be another machine's.
func clockOf(s *site) (time.Time, error) {
	const name = ownDir + "/now"
	if err := s.root.WriteFile(name, nil, 0o600); err != nil {
		return time.Time{}, err
	}
	defer func() { _ = s.root.Remove(name) }()
	st, err := s.root.Lstat(name)
	if err != nil {
		return time.Time{}, err
	}
	return changeTime(st), nil
}

// changeTime is when a file's content, mode or owner was last changed. Unlike the time of its content, nobody can set it.
func changeTime(st fs.FileInfo) time.Time {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return st.ModTime()
	}
	return time.Unix(sys.Ctim.Unix())
}

// frozen are the directories to freeze, in the copy.
func (p *pristine) frozen(s *site) (all []copytree.Dir) {
	for _, d := range p.dirs {
		all = append(all, copytree.FromRoot(s.root, path.Join(pristineDir, inRoot(d)), d, nil, s.tell.warn))
	}
	return all
}

// changesNamed is how many changed paths are named.
const changesNamed = 5

// changed are the first paths of the job, of those that are frozen, that somebody has changed since.
func (p *pristine) changed(s *site) (paths []string) {
	skip := notForImage(&s.job)
	for _, d := range p.dirs {
		_ = fs.WalkDir(s.root.FS(), inRoot(d), func(name string, e fs.DirEntry, err error) error {
			switch {
			case err != nil: // what cannot be read has been changed
				paths = append(paths, "/"+name)
			case skip(name) && e.IsDir():
				return fs.SkipDir
			case skip(name):
				return nil
			default:
				if st, err := e.Info(); err != nil || changeTime(st).After(p.made) {
					paths = append(paths, "/"+name)
				}
			}
			if len(paths) >= changesNamed {
				return fs.SkipAll
			}
			return nil
		})
	}
	return paths[:min(len(paths), changesNamed)]
}
