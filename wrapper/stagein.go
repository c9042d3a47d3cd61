package wrapper

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// A stageIn brings a job's files from their stores to its site.
type stageIn struct {
	site   *site
	remote *remote
	deps   *Deps
	inputs []job.Input // besides the metadata dir
	outbox *outbox     // remembers what there was before the module ran
	space  *ferrysync.Space
	staged *progress
	types  *fileTypes
}

func newStageIn(deps *Deps, box *outbox, from supply) *stageIn {
	in := &stageIn{site: box.site, remote: box.remote, deps: deps, inputs: from.staged(), outbox: box}
	in.staged = newProgress(in.inputs)
	in.types = newFileTypes(slices.DeleteFunc(slices.Clone(in.inputs), func(i job.Input) bool { return !in.mayBeFile(i) }))
	if free, err := node.Free(box.site.paths.dir); err == nil {
		in.space = ferrysync.NewSpace(free)
	}
	return in
}

// run stages in the metadata dir, then all the rest at the same time.
func (in *stageIn) run(ctx context.Context) error {
	var total ferrysync.Stats
	defer func() {
		in.site.tell.rec.Edit(func(r *record.Record) { r.Transfers["stage-in"] = total })
	}()
	metadata := job.Input{Path: in.site.job.Dirs.Metadata, URL: in.outbox.metadata().url}
	stats, err := in.directory(ctx, metadata, withoutFiles(staleFilters(&in.site.job), metadata.Path, in.types.within(metadata.Path)))
	total.Add(stats)
	if err != nil {
		return err
	}
	// Whatever is written into the metadata dir from here on is to be staged out, above all the logs of a failed stage in.
	if err := in.outbox.remember(ctx, in.outbox.metadata()); err != nil {
		return err
	}
	stats, err = in.rest(ctx)
	total.Add(stats)
	if err != nil {
		return err
	}
	for _, d := range in.outbox.results() {
		if d.as == metadata.Path {
			continue
		}
		if err := in.outbox.remember(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// rest stages in the inputs and what the Stager brings. The first failure stops the others.
func (in *stageIn) rest(ctx context.Context) (ferrysync.Stats, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	var total ferrysync.Stats
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	each := func(f func() (ferrysync.Stats, error)) {
		wg.Go(func() {
			var s ferrysync.Stats
			err := in.site.tell.guard(func() (err error) { s, err = f(); return err })
			mu.Lock()
			defer mu.Unlock()
			total.Add(s)
			if err != nil && first == nil {
				first = err
				stop(err)
			}
		})
	}
	for _, input := range in.inputs {
		each(func() (ferrysync.Stats, error) {
			s, err := in.input(ctx, input)
			if err == nil {
				in.staged.done(input)
			}
			return s, err
		})
	}
	if in.deps.Stager != nil {
		each(func() (ferrysync.Stats, error) {
			s, err := in.deps.Stager.StageIn(ctx, in.workspace())
			return s, cause.Name(ctx, cause.StageIn, "", err)
		})
	}
	wg.Wait()
	return total, first
}

func (in *stageIn) workspace() Workspace {
	s := in.site
	return Workspace{Job: s.job, Root: s.root, Transfer: in.deps.Transfer, Open: in.deps.Open, Staged: in.staged.wait,
		Space: in.space, Event: s.event, Log: s.logs.transfer, Warn: s.tell.warn}
}

// input stages in one input. It is a file where the store has an object of that name, else a directory.
func (in *stageIn) input(ctx context.Context, input job.Input) (ferrysync.Stats, error) {
	var denied, missing error
	if in.mayBeFile(input) {
		stats, is, err := in.file(ctx, input)
		switch {
		case errors.Is(err, store.ErrDenied): // or there is none of that name, which S3 tells only those who may list
			denied = err
		case errors.Is(err, store.ErrNotExist):
			missing = err
		case err != nil:
			return stats, err
		}
		in.types.known(input, is)
		if is {
			return stats, nil
		}
	}
	// Of inputs that lie in each other the inner one decides what is there, as among mounts. So a directory waits for the
	// files inside it, and leaves them alone.
	files, err := in.types.inside(ctx, input.Path)
	if err != nil {
		return ferrysync.Stats{}, cause.Stopped(ctx, err)
	}
	stats, err := in.directory(ctx, input, withoutFiles(insideFilters(&in.site.job, input.Path), input.Path, files))
	switch {
	case err != nil && denied != nil && stats.Listed == 0 && ctx.Err() == nil:
		return stats, denied
	case missing != nil && errors.Is(err, errors.ErrUnsupported): // a store that has no directories
		return stats, missing
	}
	return stats, err
}

// mayBeFile reports whether an input may be a file. The tasklib, the libraries and the directories of results are directories.
func (in *stageIn) mayBeFile(input job.Input) bool {
	j := &in.site.job
	isDir := func(x job.Input) bool { return x.Path == input.Path }
	return slices.ContainsFunc(j.Dirs.Inputs, isDir) && input.Path != j.Dirs.Tasklib &&
		!slices.ContainsFunc(j.Dirs.Libraries, isDir) && !slices.ContainsFunc(j.Results(), isDir)
}

// file stages in an input that is a file, and is false with store.ErrNotExist where it is none. The directory that prepare made in its place is
// replaced once the file is here.
func (in *stageIn) file(ctx context.Context, input job.Input) (ferrysync.Stats, bool, error) {
	st, key, err := in.remote.at(ctx, input.URL)
	if err != nil {
		return ferrysync.Stats{}, false, err
	}
	if key == "" {
		return ferrysync.Stats{}, false, nil // a whole store
	}
	none := func(err error) bool { return errors.Is(err, store.ErrNotExist) || errors.Is(err, store.ErrDenied) }
	tmp := path.Join(ownDir, "input-"+strconv.Itoa(slices.Index(in.inputs, input)))
	root := in.site.root
	stats, err := in.deps.Transfer.DownFile(ctx, st, key, root, tmp, ferrysync.Options{Preserve: true, Space: in.space,
		Event: func(e ferrysync.Event) {
			if !none(e.Err) {
				e.Path = inRoot(input.Path)
				if egress.IsWeb(input.URL) { // whose key may hold a secret
					e.Key = egress.Shown(input.URL)
				}
				in.site.event(e)
			}
		}})
	if errors.Is(err, store.ErrNotExist) {
		return ferrysync.Stats{Requests: stats.Requests, Retries: stats.Retries}, false, staging(ctx, input, err)
	}
	if err == nil && stats.Bytes == 0 && in.isMarker(ctx, st, key) {
		return ferrysync.Stats{Requests: stats.Requests, Retries: stats.Retries}, false, root.Remove(tmp)
	}
	if err == nil {
		err = root.Remove(inRoot(input.Path))
	}
	if err == nil {
		err = root.Rename(tmp, inRoot(input.Path))
	}
	if err != nil {
		return stats, false, staging(ctx, input, err)
	}
	return stats, true, nil
}

// staging makes the error of an input.
func staging(ctx context.Context, input job.Input, err error) error {
	return cause.Name(ctx, cause.StageIn, "", fmt.Errorf("staging in %s: %w", input.Path, err))
}

// isMarker reports whether an empty object stands for a directory, as some tools make them: other keys are below it.
func (in *stageIn) isMarker(ctx context.Context, st store.Store, key string) bool {
	for _, err := range st.List(ctx, strings.TrimSuffix(key, "/")+"/") {
		return err == nil
	}
	return false
}

// directory stages in one directory. It is an error if the store has nothing there: a module that finds an empty directory fails
// later, and less clearly. Only the working dir may be empty, and a metadata dir without the job's script, such as that of an array's
// child.
func (in *stageIn) directory(ctx context.Context, d job.Input, filters []ferrysync.Filter) (ferrysync.Stats, error) {
	root, err := in.site.open(d.Path)
	if err != nil {
		return ferrysync.Stats{}, cause.Fail(cause.Internal, "", "opening %s: %w", d.Path, err)
	}
	defer root.Close()
	st, prefix, err := in.remote.at(ctx, d.URL)
	if err != nil {
		return ferrysync.Stats{}, err
	}
	stats, err := in.deps.Transfer.Down(ctx, st, prefix, root, ferrysync.Options{Preserve: true, Filters: filters, Event: in.site.event, Space: in.space})
	if err != nil {
		return stats, cause.Name(ctx, cause.StageIn, "", fmt.Errorf("staging in %s: %w", d.Path, err))
	}
	j := &in.site.job
	empty := d.Path == j.Dirs.Work || d.Path == j.Dirs.Metadata && !subpath.Within(j.Dirs.Metadata, j.Program.Exec)
	there := stats.Listed
	if d.Path == j.Dirs.Metadata { // where this attempt has announced itself
		there = stats.Files + stats.Skipped + stats.Refused
	}
	if there == 0 && !empty {
		return stats, cause.Fail(cause.StageIn, "is the remote root right, and was the directory uploaded?",
			"staging in %s: nothing is in the store at %q", d.Path, d.URL)
	}
	return stats, nil
}
