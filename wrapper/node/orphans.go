package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
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
// removes containers, and deletes an attempt's files, private inputs included.
//
// A ferry is dead when nobody holds its lock, never because something is old or has a certain name. hostPrefix is the path of the
// local prefix on the engine's host. Containers of ferries with another local prefix are left alone. What cannot be removed does
// not stop the rest: the errors are joined.
func Orphans(ctx context.Context, eng engine.Engine, prefix, hostPrefix string, remove bool) ([]Orphan, error) {
	found, err := eng.List(ctx, map[string]string{LabelOwner: ""})
	if err != nil {
		return nil, err
	}
	names, err := lockNames(prefix)
	if err != nil {
		return nil, err
	}
	// A container whose lock file is gone is an orphan too: its ferry could not remove it.
	byLock := map[string][]engine.Found{}
	for _, n := range names {
		byLock[n] = nil
	}
	for _, c := range found {
		if c.Labels[LabelKeep] != "" && !c.Running {
			continue // left on purpose
		}
		if path.Dir(c.Labels[LabelOwner]) == path.Clean(hostPrefix) && job.IsID(c.Labels[LabelJob]) {
			n := c.Labels[LabelJob] + lockSuffix
			byLock[n] = append(byLock[n], c)
		}
	}
	var all []Orphan
	var problems []error
	for n, containers := range byLock {
		o, err := sweep(ctx, eng, prefix, n, containers, remove)
		all = append(all, o...)
		problems = append(problems, err)
	}
	return all, errors.Join(problems...)
}

func lockNames(prefix string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(prefix, ownDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for orphans: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), lockSuffix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// sweep finds, and with remove removes, what belongs to one lock: its containers and its attempt's root.
func sweep(ctx context.Context, eng engine.Engine, prefix, lockName string, containers []engine.Found, remove bool) ([]Orphan, error) {
	l, err := takeLock(filepath.Join(prefix, ownDir, lockName))
	if errors.Is(err, errHeld) {
		return nil, nil // its owner lives
	}
	if err != nil {
		return nil, err
	}
	h := l.Read()
	var all []Orphan
	id := strings.TrimSuffix(lockName, lockSuffix)
	for _, c := range containers {
		if _, err := eng.Attach(ctx, c.ID); errors.Is(err, engine.ErrNoContainer) {
			continue // its owner ended properly since the listing
		}
		o := Orphan{Job: id, Container: c.ID, Running: c.Running}
		if name := path.Base(c.Labels[LabelOwner]); name != h.Root && isRootOf(name, id) {
			o.Dir = Existing(filepath.Join(prefix, name))
		}
		all = append(all, o)
	}
	if h.Root != "" {
		if dir := Existing(filepath.Join(prefix, h.Root)); dir != "" {
			all = append(all, Orphan{Job: id, Dir: dir})
		}
	}
	if !remove {
		if len(containers) == 0 || h.Root != "" {
			_ = l.f.Close() // keep the file: it says what to clean
		} else {
			l.Release()
		}
		return all, nil
	}
	if len(all) > 0 {
		h.Job, h.Sweeping = id, true
		_ = l.Write(h) // if this fails, a ferry with this job waits for a shorter time than it should
	}
	if err := Remove(ctx, eng, all); err != nil {
		_ = l.f.Close()
		return all, err
	}
	l.Release()
	return all, nil
}

// Existing is dir where something has that path, else "".
func Existing(dir string) string {
	if _, err := os.Lstat(dir); err != nil {
		return ""
	}
	return dir
}

// Remove removes orphans: first the containers, because they may still write. What cannot be removed does not stop the rest: the
// errors are joined.
func Remove(ctx context.Context, eng engine.Engine, all []Orphan) error {
	var problems []error
	for _, o := range all {
		if o.Container == "" {
			continue
		}
		c, err := eng.Attach(ctx, o.Container)
		if err == nil {
			err = c.Remove(ctx)
		}
		if err != nil && !errors.Is(err, engine.ErrNoContainer) {
			problems = append(problems, fmt.Errorf("removing the container of job %q, which a killed ferry left: %w", o.Job, err))
		}
	}
	for _, o := range all {
		if o.Dir == "" {
			continue
		}
		if err := os.RemoveAll(o.Dir); err != nil {
			problems = append(problems, fmt.Errorf("removing the files of job %q, which a killed ferry left: %w", o.Job, err))
		}
	}
	return errors.Join(problems...)
}
