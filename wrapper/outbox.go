package wrapper

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/genepattern/ferry/cause"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// An outbox is what goes from this attempt to the store. That is what changed since the snapshots that stage in took, and last
// the files that say how the job ended. It is safe for concurrent use.
type outbox struct {
	site     *site
	remote   *remote
	transfer *ferrysync.Engine
	claim    *claim   // nil in place, where nothing is sent
	refused  *sentSet // paths of files that are too large to be stored
	pending  bool     // results are left that may be stored later

	moved   movement
	sending sync.Mutex // held while the metadata dir goes up
	mu      sync.Mutex
	snaps   map[string]*ferrysync.Snapshot // by directory; a directory that was not staged in whole has none
	state   outboxState
}

// An outboxState says which files of the outcome may be sent.
type outboxState int

// The states, in the only order they can follow. No exit code is sent while the outcome is undecided: whoever waits for one
// must not take a job for a success whose results are missing.
const (
	undecided outboxState = iota // the record says the worst, and no exit code is sent
	settled                      // the outcome is final on this node, and the exit code may be sent
	told                         // the store has the outcome, and nothing of it changes any more
)

func newOutbox(s *site, r *remote, transfer *ferrysync.Engine) *outbox {
	o := &outbox{site: s, remote: r, transfer: transfer, snaps: map[string]*ferrysync.Snapshot{}, refused: newSentSet()}
	if r != nil {
		o.claim = newClaim(r, s.job.Dirs.Metadata, s.tell.rec)
	}
	return o
}

// A folder is a directory that is staged out to a URL.
type folder struct {
	path, url string
	as        string // the job's path of what is in it
}

// ofFerry reports whether the module never sees the folder.
func (f folder) ofFerry() bool { return f.path != f.as }

// metadata is the metadata dir.
func (o *outbox) metadata() folder {
	p := o.site.job.Dirs.Metadata
	return folder{p, o.site.job.URL(p), p}
}

// ownFiles has ferry's own files of the metadata dir, which are staged out to where that is.
func (o *outbox) ownFiles() folder {
	f := o.metadata()
	f.path = "/" + ownMetadata
	return f
}

// results are the folders to stage out. Those are first whose files say how the job ended.
func (o *outbox) results() []folder {
	all := []folder{o.ownFiles()}
	for _, d := range o.site.job.Results() {
		all = append(all, folder{d.Path, d.URL, d.Path})
	}
	return all
}

func (o *outbox) is(state outboxState) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state == state
}

// advance goes to a later state. An earlier state has no effect.
func (o *outbox) advance(to outboxState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state = max(o.state, to)
}

func (o *outbox) since(dir string) *ferrysync.Snapshot {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.snaps[dir]
}

func (o *outbox) replace(dir string, s *ferrysync.Snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.snaps[dir] = s
}

// remember takes a snapshot of what a directory holds before the module runs.
func (o *outbox) remember(ctx context.Context, d folder) error {
	root, err := o.site.open(d.path)
	if err != nil {
		return cause.Fail(cause.Internal, "", "opening %s: %w", d.path, err)
	}
	defer root.Close()
	filters := insideFilters(&o.site.job, d.path)
	if d.as == o.site.job.Dirs.Metadata {
		filters = append(filters, staleFilters(&o.site.job)...) // ferry's own files count as new, though they are there already
	}
	s, err := o.transfer.Take(ctx, root, ferrysync.Options{Preserve: true, Filters: filters})
	if s == nil {
		return cause.Name(ctx, cause.StageIn, "", fmt.Errorf("reading %s: %w", d.path, err))
	}
	if err != nil { // what cannot be read now counts as new in stage out, which names it if it still cannot be read
		o.site.tell.warn("reading %s: %v", d.path, err)
	}
	o.replace(d.path, s)
	return nil
}

// stageOut sends what is new or changed. A directory that fails does not stop the others. m is nil where no container was
// made. The error has a cause.
func (o *outbox) stageOut(ctx context.Context, m *module) error {
	if err := o.claim.check(ctx); err != nil {
		return err
	}
	ctx, stop := o.claim.while(ctx)
	defer stop()
	if o.since(o.site.job.Dirs.Metadata) == nil {
		return nil // nothing was staged in whole; send sends what there is to say
	}
	lost := newMissing()
	rec := o.site.tell.rec
	defer func() { rec.Edit(func(r *record.Record) { r.NotStored = lost.list() }) }()
	budget := o.budget()
	var total ferrysync.Stats
	var all []error
	for _, d := range o.results() {
		if o.since(d.path) == nil {
			continue // not staged in whole, so nothing in it is known to be a result
		}
		s, err := o.up(ctx, d, m, lost, budget, nil)
		total.Add(s)
		rec.Edit(func(r *record.Record) { r.Transfers["stage-out"] = total })
		if err != nil {
			all = append(all, err)
		}
	}
	if err := o.claim.given(); err != nil {
		return err
	}
	o.pending = lost.hasPending()
	if err := errors.Join(all...); err != nil {
		if ctx.Err() != nil && !lost.forGood() {
			return cause.Fail(cause.Interrupted, "the job is safe to try again", "told to stop before all results were stored: %w", err)
		}
		if ctx.Err() != nil {
			return cause.Fail(cause.StageOut, "", "no time was left to stage everything out: %w", err)
		}
		if errors.Is(err, ferrysync.ErrRefused) && !cause.Is(err) { // a result that no store takes
			return cause.Fail(cause.StageOut, "give the file a shorter name, in UTF-8", "%w", err)
		}
		return cause.Name(ctx, cause.StageOut, "", err)
	}
	return nil
}

// links are where links in a directory of the job may lead: into the job's own directories and files, by the paths that the module knows.
func (o *outbox) links(self string) *ferrysync.Links {
	l := &ferrysync.Links{Self: self}
	for _, d := range slices.Concat(o.site.job.Results(), o.site.job.Staged()) {
		l.Places = append(l.Places, ferrysync.Place{Path: d.Path, Root: o.site.root, Name: inRoot(d.Path)})
	}
	return l
}

// up sends one directory. A later call sends what changed after this one. The files that could not be sent are added to
// lost, which may be nil, and so are those that do not fit into the budget. A pace, which may be nil, holds back what is large.
func (o *outbox) up(ctx context.Context, d folder, m *module, lost *missing, budget *ferrysync.Budget, p *pace) (s ferrysync.Stats, err error) {
	if o.remote == nil {
		return s, nil // what is in place needs no sending
	}
	if d.as == o.site.job.Dirs.Metadata {
		o.sending.Lock()
		defer o.sending.Unlock()
	}
	looked := false
	defer func() {
		if err != nil && !looked {
			lost.pend(d.as + "/") // nothing is known of what is in it
		}
	}()
	if m != nil && !d.ofFerry() {
		if err := o.moved.during(func() error { return m.collect(ctx, d.path) }); err != nil {
			return s, err
		}
	}
	if d.ofFerry() && !o.is(told) { // the record comes first, from memory: what is on the disk may be the module's
		if err := o.remote.put(ctx, o.remote.key(o.site.metadata(record.FileName)), o.site.tell.rec.JSON()); err != nil {
			return s, fmt.Errorf("sending the record: %w", err)
		}
	}
	root, err := o.site.open(d.path)
	if err != nil {
		return s, fmt.Errorf("staging out %s: %w", d.path, err)
	}
	defer root.Close()
	st, prefix, err := o.remote.at(ctx, d.url)
	if err != nil {
		return s, err
	}
	opts := ferrysync.Options{Preserve: true, Filters: append(o.filters(d.path), p.hold(root)...), Progress: &o.moved.progress, Budget: budget}
	opts.Links = o.links(d.path)
	opts.Live = d.as == o.site.job.Dirs.Metadata // ferry's own logs grow while they are sent
	// The new snapshot is taken before the transfer. A file that changes meanwhile is sent again by the next call.
	next, err := o.transfer.Take(ctx, root, opts)
	if next == nil {
		return s, fmt.Errorf("staging out %s: %w", d.path, err)
	}
	// Up names what could not be read for the snapshot.
	sent := newSentSet()
	opts.Since, opts.Event = o.since(d.path), func(e ferrysync.Event) {
		switch e.Op {
		case ferrysync.OpUpload:
			sent.add(e.Path)
			p.sent(e.Path, e.Size)
		case ferrysync.OpRefuse:
			lost.add(path.Join(d.as, e.Path))
			sent.add(e.Path)
			lost.refused()
		case ferrysync.OpFail:
			if errors.Is(e.Err, ferrysync.ErrTooLarge) {
				lost.add(path.Join(d.as, e.Path))
				sent.add(e.Path)
				o.refused.add(path.Join(d.as, e.Path))
			}
			if ctx.Err() == nil {
				lost.refused()
			}
		}
		o.site.event(e)
	}
	s, err = o.transfer.Up(ctx, root, st, prefix, opts)
	if err != nil {
		looked = true
		lost.look(ctx, d.as, sent, func(ctx context.Context, event func(ferrysync.Event)) {
			opts.DryRun, opts.Event, opts.Progress, opts.Budget = true, event, nil, nil
			// What fails here is missing as well, and was an event.
			_, _ = o.transfer.Up(ctx, root, st, prefix, opts)
		})
		return s, fmt.Errorf("staging out %s: %w", d.path, err)
	}
	o.replace(d.path, next)
	return s, nil
}

// budget is how much may go up at once. Results larger than the disk that they lie on are none: a sparse file of terabytes takes
// no space, and would be sent whole.
func (o *outbox) budget() *ferrysync.Budget {
	if n := o.site.job.Dirs.MaxOutput; n > 0 {
		return ferrysync.NewBudget(n)
	}
	n, err := node.Size(o.site.paths.dir)
	if err != nil || n == 0 {
		return nil // a file system that does not tell
	}
	return ferrysync.NewBudget(n)
}

// filters leave out of a directory what is sent by itself, and what is never sent. Nothing that a module lays under the name of one of
// ferry's files goes up, nor an exit code before the outcome is told.
func (o *outbox) filters(dir string) []ferrysync.Filter {
	f := withoutFiles(insideFilters(&o.site.job, dir), dir, o.site.job.ControlFiles())
	return withoutOwn(withoutAside(f, &o.site.job, dir), &o.site.job, dir)
}
