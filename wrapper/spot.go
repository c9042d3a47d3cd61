package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/record"
)

// A spot is one of the job's own directories, opened where it is.
type spot struct {
	path string // the job's
	root *os.Root
	mode fs.FileMode // as it was found
	gid  int
}

// An inPlace has the own directories of a job that runs in place, the innermost first.
type inPlace struct {
	job   *job.Job
	tell  *teller
	spots []spot
}

// openInPlace opens the job's own directories, and removes what an earlier run says of its outcome.
func openInPlace(s *site) error {
	own := &inPlace{job: &s.job, tell: s.tell}
	s.inPlace = own
	for _, p := range s.paths.real {
		if !slices.Contains(s.job.OwnDirs(), p.path) {
			continue
		}
		if err := os.MkdirAll(p.here, 0o755); err != nil {
			return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("making %s: %w", p.path, plainError(err)))
		}
		root, err := os.OpenRoot(p.here)
		if err != nil {
			return cause.Name(context.Background(), cause.Usage, "", err)
		}
		st, err := root.Stat(".")
		if err != nil {
			return cause.Name(context.Background(), cause.Usage, "", err)
		}
		own.spots = append(own.spots, spot{path: p.path, root: root, mode: st.Mode(), gid: int(st.Sys().(*syscall.Stat_t).Gid)})
	}
	slices.SortStableFunc(own.spots, func(a, b spot) int { return len(b.path) - len(a.path) })
	stale := []string{s.job.Files.Stdout, s.job.Files.Stderr, s.job.Files.ExitCode}
	for _, n := range record.OwnNames() {
		stale = append(stale, s.metadata(n))
	}
	for _, p := range stale {
		root, name := s.at(p)
		if err := rmtree.Below(root, name); err != nil {
			return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("removing %s of an earlier run: %w", p, plainError(err)))
		}
	}
	return nil
}

// at is where the job's path p is: a root, and the name in it.
func (s *site) at(p string) (*os.Root, string) {
	for _, o := range s.inPlace.all() {
		if subpath.Within(o.path, p) {
			return o.root, strings.TrimPrefix(strings.TrimPrefix(path.Clean(p), o.path), "/")
		}
	}
	return s.root, inRoot(p)
}

// all are the spots, none where there is no inPlace.
func (d *inPlace) all() []spot {
	if d == nil {
		return nil
	}
	return d.spots
}

func (d *inPlace) close() {
	for _, o := range d.all() {
		_ = o.root.Close()
	}
}

// lend lets the module's user write the job's own directories, where ferry is root and may arrange it. giveBack undoes it. The
// owner of the directories themselves stays: a later ferry learns from it who asks for the job.
func (d *inPlace) lend(who owner) error {
	caller := asker(d.job)
	if os.Geteuid() != 0 || caller.uid == 0 && who.uid == 0 {
		return nil
	}
	for _, o := range d.spots {
		if err := d.handOver(o, caller.uid, who); err != nil {
			return fmt.Errorf("lending %s to the module's user: %w", o.path, err)
		}
		if who.uid == caller.uid {
			continue
		}
		err := o.root.Lchown(".", caller.uid, who.gid)
		if err == nil {
			err = o.root.Chmod(".", o.mode.Perm()|0o070)
		}
		if err != nil {
			return fmt.Errorf("lending %s to the module's user: %w", o.path, err)
		}
	}
	return nil
}

// handOver makes who the owner of all below a directory that belongs to the caller or to root. A file of root's with several names
// stays: one of them may be outside.
func (d *inPlace) handOver(o spot, caller int, who owner) error {
	return fs.WalkDir(o.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		switch {
		case name == "." && who.uid != caller, int(st.Uid) == who.uid && int(st.Gid) == who.gid:
			return nil
		case int(st.Uid) == 0 && !e.IsDir() && st.Nlink > 1:
			d.tell.warn("%s is root's and has several names: its owner stays", path.Join(o.path, name))
			return nil
		}
		return o.root.Lchown(name, who.uid, who.gid)
	})
}

// giveBack gives the job's own directories to whoever asked for the job, where ferry is root and that is somebody else.
func (d *inPlace) giveBack() {
	caller := asker(d.job)
	if os.Geteuid() != 0 || caller.uid == 0 {
		return
	}
	for _, o := range d.spots {
		err := d.handOver(o, caller.uid, owner{caller.uid, caller.gid})
		if err == nil {
			err = o.root.Lchown(".", caller.uid, o.gid)
		}
		if err == nil {
			err = o.root.Chmod(".", o.mode.Perm())
		}
		if err != nil {
			d.tell.warn("giving %s back to user %d: %v", o.path, caller.uid, err)
		}
	}
}

// refuseInPlace writes why a job in place never began into its metadata dir, where that is there already and its owner's.
func refuseInPlace(j *job.Job, rec *record.Keeper, out Outcome) {
	who := asker(j)
	if who.may(j.Dirs.Metadata, true) != nil {
		return
	}
	real, err := filepath.EvalSymlinks(j.Dirs.Metadata)
	if err != nil {
		return
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return
	}
	defer root.Close()
	rec.Conclude(out.Code, out.Cause, out.Err)
	rec.End()
	s := &site{job: *j, inPlace: &inPlace{job: j, spots: []spot{{path: j.Dirs.Metadata, root: root}}}, tell: newTeller(rec, zerolog.Nop())}
	for p, data := range map[string][]byte{
		s.metadata(record.FileName): rec.JSON(), j.Files.ExitCode: record.ExitFile(out.Code), j.Files.Stderr: record.ReasonLine(out.Cause, out.Err),
	} {
		if !subpath.Within(j.Dirs.Metadata, p) || s.write(p, data) != nil {
			continue // the process's error says the same
		}
		if at, name := s.at(p); os.Geteuid() == 0 {
			_ = at.Lchown(name, who.uid, who.gid)
		}
	}
}
