package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
)

// An Orphan is what a killed ferry left on this node.
type Orphan struct {
	Job       string `json:"job"`
	Dir       string `json:"dir,omitempty"`       // an attempt's root; "" where only a container is left
	Container string `json:"container,omitempty"` // id; "" where only files are left
	Running   bool   `json:"running,omitempty"`
}

func (o Orphan) String() string {
	s := fmt.Sprintf("job %q", o.Job)
	if o.Container != "" {
		s += fmt.Sprintf(", container %.12s", o.Container)
	}
	if o.Dir != "" {
		s += ", files in " + o.Dir
	}
	return s
}

// Orphans finds what killed ferries left below the local prefix and in the engine. With remove it also removes it: it stops and
// removes containers, and puts the files away for EmptyTrash.
//
// What is found belongs to a ferry of this local prefix: it carries the random id that a lock's file or an attempt's root here has.
// Its ferry is dead where nobody holds that lock. A lock that is gone proves nothing: then the ferry's process or container is
// looked for, and what is not known to be dead is left alone. Nothing is an orphan because it is old or has a certain name. What
// cannot be removed does not stop the rest: the errors are joined.
func Orphans(ctx context.Context, eng engine.Engine, prefix string, remove bool) ([]Orphan, error) {
	jobs, err := leftBehind(prefix)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	found, err := eng.List(ctx, map[string]string{LabelID: ""})
	if err != nil {
		return nil, err
	}
	w := newWitness(ctx, eng)
	var all []Orphan
	var problems []error
	for _, id := range jobs {
		o, err := sweep(ctx, w, prefix, id, found, remove)
		all = append(all, o...)
		problems = append(problems, err)
	}
	return all, errors.Join(problems...)
}

// leftBehind are the jobs that have a lock's file or an attempt's root on this node, living ones among them.
func leftBehind(prefix string) ([]string, error) {
	s, err := openShelf(prefix, false)
	if errors.Is(err, os.ErrNotExist) {
		return markedJobs(prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for orphans: %w", err)
	}
	defer s.Close()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("looking for orphans: %w", err)
	}
	jobs, err := markedJobs(prefix)
	seen := map[string]bool{}
	for _, id := range jobs {
		seen[id] = true
	}
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), lockSuffix); ok && e.Type().IsRegular() && job.IsID(id) && !seen[id] {
			jobs = append(jobs, id)
		}
	}
	return jobs, err
}

func markedJobs(prefix string) (jobs []string, err error) {
	roots, err := marked(prefix)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	seen := map[string]bool{}
	for _, h := range roots {
		if !seen[h.Job] {
			seen[h.Job] = true
			jobs = append(jobs, h.Job)
		}
	}
	return jobs, err
}

// sweep finds, and with remove removes, what is left of one job.
func sweep(ctx context.Context, w *witness, prefix, id string, found []engine.Found, remove bool) ([]Orphan, error) {
	l, err := takeLock(prefix, id)
	if errors.Is(err, errHeld) {
		return nil, nil // its owner lives
	}
	if err != nil {
		return nil, err
	}
	h := l.Read()
	giveUp := l.Abandon // the file says what is to be removed
	if h == (Held{}) {
		giveUp = l.Release // it says nothing: a ferry was killed early, or its file was lost and this is a new one
	}
	f, err := l.examine(ctx, w, prefix, found)
	if err != nil || !remove {
		giveUp()
		return f.Dead, err
	}
	if len(f.Dead) > 0 {
		now := h
		now.Job, now.Sweeping = id, true
		_ = l.Write(now) // if this fails, a ferry with this job waits for a shorter time than it should
	}
	if err := Remove(ctx, w.eng, prefix, f.Dead); err != nil {
		giveUp()
		return f.Dead, err
	}
	l.Release()
	return f.Dead, nil
}

// A Find is what there is of one job on this node.
type Find struct {
	Dead   []Orphan // of killed ferries
	Left   []Orphan // of which it is not known that their ferries are dead
	Living bool     // a ferry runs the job, though its lock is lost
}

// Examine looks for what there is of the lock's own job.
func (l *Lock) Examine(ctx context.Context, eng engine.Engine, prefix string) (Find, error) {
	found, err := eng.List(ctx, map[string]string{LabelJob: strings.TrimSuffix(l.name, lockSuffix)})
	if err != nil {
		return Find{}, err
	}
	return l.examine(ctx, newWitness(ctx, eng), prefix, found)
}

// examine sorts the containers and the roots of the lock's job. The lock is held, so that whoever wrote its file is dead.
func (l *Lock) examine(ctx context.Context, w *witness, prefix string, found []engine.Found) (f Find, err error) {
	id := strings.TrimSuffix(l.name, lockSuffix)
	h := l.Read()
	mine := map[string]By{} // by id
	roots, err := marked(prefix)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	for name, mark := range roots {
		if mark.Job != id {
			delete(roots, name)
			continue
		}
		mine[mark.ID] = mark.By
	}
	if h.ID != "" {
		mine[h.ID] = h.By
	}
	judge := func(o Orphan, owner string, by By, onEngine bool) {
		what := dead
		if owner != h.ID {
			what = w.of(by, onEngine)
		}
		switch what {
		case dead:
			f.Dead = append(f.Dead, o)
		default:
			f.Left = append(f.Left, o)
			f.Living = f.Living || what == alive
		}
	}
	seen := map[string]bool{} // ids of owners with a container
	for _, c := range found {
		owner := c.Labels[LabelID]
		by, ok := mine[owner]
		if !ok || owner == "" || c.Labels[LabelJob] != id || c.Labels[LabelKeep] != "" && !c.Running {
			continue // another's, or left on purpose
		}
		if _, err := w.eng.Attach(ctx, c.ID); errors.Is(err, engine.ErrNoContainer) {
			continue // its owner ended properly since the listing
		}
		seen[owner] = true
		judge(Orphan{Job: id, Container: c.ID, Running: c.Running}, owner, by, true)
	}
	for name, mark := range roots {
		judge(Orphan{Job: id, Dir: filepath.Join(prefix, name)}, mark.ID, mark.By, seen[mark.ID])
	}
	if _, known := roots[h.Root]; h.Root != "" && !known {
		// It was made, and not yet marked.
		if dir := Existing(filepath.Join(prefix, h.Root)); dir != "" {
			f.Dead = append(f.Dead, Orphan{Job: id, Dir: dir})
		}
	}
	return f, nil
}

// Existing is dir where something has that path, else "".
func Existing(dir string) string {
	if _, err := os.Lstat(dir); err != nil {
		return ""
	}
	return dir
}

// Remove removes orphans: first the containers, because they may still write, then the files, which EmptyTrash deletes. The files
// of a job stay while a container of it does: by them a later ferry knows that the container is ours. What cannot be removed does not
// stop the rest: the errors are joined.
func Remove(ctx context.Context, eng engine.Engine, prefix string, all []Orphan) error {
	var problems []error
	stays := map[string]bool{}
	for _, o := range all {
		if o.Container == "" {
			continue
		}
		c, err := eng.Attach(ctx, o.Container)
		if err == nil {
			err = c.Remove(ctx)
		}
		if err != nil && !errors.Is(err, engine.ErrNoContainer) {
			stays[o.Job] = true
			problems = append(problems, fmt.Errorf("removing the container of job %q, which a killed ferry left: %w", o.Job, err))
		}
	}
	for _, o := range all {
		if o.Dir == "" || stays[o.Job] {
			continue
		}
		if err := discard(prefix, filepath.Base(o.Dir)); err != nil {
			problems = append(problems, fmt.Errorf("removing the files of job %q, which a killed ferry left: %w", o.Job, err))
		}
	}
	return errors.Join(problems...)
}
