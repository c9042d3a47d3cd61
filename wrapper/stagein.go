package wrapper

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
	ferrysync "github.com/genepattern/ferry/sync"
)

// fetch stages in and pulls the image at the same time; the first failure stops the other.
func (a *attempt) fetch(work context.Context) error {
	ctx, stop := context.WithCancelCause(work)
	defer stop(nil)
	var wg sync.WaitGroup
	var first error
	var once sync.Once
	run := func(name string, f func(context.Context) error) {
		wg.Go(func() {
			err := a.stage(name, func() error { return f(ctx) })
			if err != nil {
				once.Do(func() { first = err; stop(err) })
			}
		})
	}
	wg.Go(func() { _ = a.guard(func() error { return a.sweepOthers(ctx) }) })
	run("pull", a.pull)
	run("stage-in", a.stageIn)
	wg.Wait()
	return first
}

// stageIn fetches the metadata dir, then the rest all at once.
func (a *attempt) stageIn(ctx context.Context) error {
	var total ferrysync.Stats
	defer func() { a.rec.edit(func(r *Record) { r.Transfers["stage-in"] = total }) }()

	if free, err := freeBytes(a.dir); err == nil {
		a.space = ferrysync.NewSpace(free)
	}
	stats, err := a.down(ctx, Dir{Path: a.MetadataDir}, a.staleFilters())
	total.Add(stats)
	if err != nil {
		return err
	}
	// What is written into the metadata dir from here on is to go up, the logs of a failed stage in above all.
	if err := a.snapshot(ctx, Dir{Path: a.MetadataDir}); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	each := func(f func() (ferrysync.Stats, error)) {
		wg.Go(func() {
			var s ferrysync.Stats
			err := a.guard(func() (err error) { s, err = f(); return err })
			mu.Lock()
			defer mu.Unlock()
			total.Add(s)
			if err != nil && first == nil {
				first = err
				stop(err)
			}
		})
	}
	staged := newProgress(a.toStage())
	for _, d := range a.toStage() {
		each(func() (ferrysync.Stats, error) {
			s, err := a.down(ctx, d, a.outFilters(d))
			if err == nil {
				staged.done(d)
			}
			return s, err
		})
	}
	if a.Stager != nil {
		each(func() (ferrysync.Stats, error) {
			s, err := a.Stager.StageIn(ctx, Site{Job: a.Job, Root: a.root, Transfer: a.Transfer, Open: a.Open,
				Staged: func(ctx context.Context, p string) (string, error) { return staged.wait(ctx, p, a.key) },
				Space:  a.space, Event: a.event, Log: a.logs.transfer, Warn: a.warn})
			return s, cause.Name(ctx, cause.StageIn, "", err)
		})
	}
	wg.Wait()
	if first != nil {
		return first
	}
	for _, d := range a.outputDirs() {
		if d.Path == a.MetadataDir {
			continue
		}
		if err := a.snapshot(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// progress says which directories are staged in.
type progress struct {
	dirs []Dir
	end  map[string]chan struct{}
}

func newProgress(dirs []Dir) *progress {
	p := &progress{dirs: dirs, end: map[string]chan struct{}{}}
	for _, d := range dirs {
		p.end[d.Path] = make(chan struct{})
	}
	return p
}

func (p *progress) done(d Dir) { close(p.end[d.Path]) }

// wait waits for the directories that overlap the job's path, see Site.Staged. A failed stage in cancels ctx.
func (p *progress) wait(ctx context.Context, name string, key func(Dir) string) (from string, err error) {
	holder := 0
	for _, d := range p.dirs {
		if !subpath.Within(d.Path, name) && !subpath.Within(name, d.Path) {
			continue
		}
		select {
		case <-p.end[d.Path]:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		if subpath.Within(d.Path, name) && len(d.Path) > holder {
			holder = len(d.Path)
			from = path.Join(key(d), strings.TrimPrefix(name, d.Path))
		}
	}
	return from, nil
}

// inputs are the directories staged in besides the metadata dir, each once.
func (a *attempt) inputs() []Dir {
	var all []Dir
	if a.ModuleDir != "" {
		all = append(all, Dir{Path: a.ModuleDir})
	}
	all = slices.Concat(all, a.Libraries, a.Inputs)
	var once []Dir
	for _, d := range all {
		same := func(x Dir) bool { return x.Path == d.Path }
		if d.Path != a.MetadataDir && !slices.ContainsFunc(once, same) {
			once = append(once, d)
		}
	}
	return once
}

// down stages in one directory. Nothing there is an error: a module that finds an empty directory fails later, and less
// clearly.
func (a *attempt) down(ctx context.Context, d Dir, filters []ferrysync.Filter) (ferrysync.Stats, error) {
	root, err := a.root.OpenRoot(inRoot(d.Path))
	if err != nil {
		return ferrysync.Stats{}, cause.Fail(cause.Internal, "", "opening %s: %w", d.Path, err)
	}
	defer root.Close()
	prefix := a.key(d)
	stats, err := a.Transfer.Down(ctx, a.store, prefix, root, ferrysync.Options{Preserve: true, Filters: filters, Event: a.event, Space: a.space})
	if err != nil {
		return stats, cause.Name(ctx, cause.StageIn, "", fmt.Errorf("staging in %s: %w", d.Path, err))
	}
	if stats.Listed == 0 && d.Path != a.Workdir {
		return stats, cause.Fail(cause.StageIn, "is the remote root right, and was the directory uploaded?",
			"staging in %s: nothing is in the store at %q", d.Path, a.url(prefix))
	}
	return stats, nil
}

// key is the key prefix of a directory.
func (a *attempt) key(d Dir) string {
	if d.Key != "" {
		return path.Join(a.prefix, d.Key)
	}
	return path.Join(a.prefix, inRoot(d.Path))
}

// url is how a person would name a key.
func (a *attempt) url(key string) string {
	root := strings.TrimSuffix(strings.TrimSuffix(a.Remote, "/"), "/"+a.prefix)
	return strings.TrimSuffix(root, "/") + "/" + key
}

// staleFilters leave out of the metadata dir the outcome files of an earlier attempt, which are not this one's.
func (a *attempt) staleFilters() []ferrysync.Filter {
	names := slices.Clone(ownNames)
	for _, p := range []string{a.Files.Stdout, a.Files.Stderr, a.Files.ExitCode} {
		if subpath.Within(a.MetadataDir, p) {
			names = append(names, strings.TrimPrefix(p, a.MetadataDir+"/"))
		}
	}
	var f []ferrysync.Filter
	for _, n := range names {
		f = append(f, ferrysync.Filter{Pattern: escapePattern(n)})
	}
	return f
}

// escapePattern makes a pattern that matches the name alone.
func escapePattern(name string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(name)
}

// snapshot remembers what a directory holds before the module runs, for stage out.
func (a *attempt) snapshot(ctx context.Context, d Dir) error {
	root, err := a.root.OpenRoot(inRoot(d.Path))
	if err != nil {
		return cause.Fail(cause.Internal, "", "opening %s: %w", d.Path, err)
	}
	defer root.Close()
	filters := a.outFilters(d)
	if d.Path == a.MetadataDir {
		filters = append(filters, a.staleFilters()...) // ferry's own files count as new, though they are there already
	}
	s, err := a.Transfer.Take(ctx, root, ferrysync.Options{Preserve: true, Filters: filters})
	if s == nil {
		return cause.Name(ctx, cause.StageIn, "", fmt.Errorf("reading %s: %w", d.Path, err))
	}
	if err != nil { // what cannot be read now counts as new later, and is named then if it still cannot
		a.warn("reading %s: %v", d.Path, err)
	}
	a.snaps[d.Path] = s
	return nil
}
