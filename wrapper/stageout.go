package wrapper

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// outputDirs are the directories staged out: the metadata dir first, because what a user needs most is why it failed.
func (a *attempt) outputDirs() []Dir {
	all := []Dir{{Path: a.MetadataDir}, {Path: a.Workdir}}
	for _, p := range a.Outputs {
		d := Dir{Path: p}
		// An output that is also an input goes back where it came from.
		for _, in := range a.inputs() {
			if in.Path == p {
				d = in
			}
		}
		if !slices.ContainsFunc(all, func(x Dir) bool { return x.Path == p }) {
			all = append(all, d)
		}
	}
	return all
}

// outFilters leave out of a directory those inside it that are staged out by themselves.
func (a *attempt) outFilters(d Dir) []ferrysync.Filter {
	var f []ferrysync.Filter
	for _, inner := range a.outputDirs() {
		if rel, ok := strings.CutPrefix(inner.Path, d.Path+"/"); ok {
			f = append(f, ferrysync.Filter{Pattern: escapePattern(rel) + "/*"})
		}
	}
	return f
}

// stageOut sends what is new or changed. All directories are tried, whatever becomes of one.
func (a *attempt) stageOut(ctx context.Context) error {
	a.restoreLogs()
	if a.snaps[a.MetadataDir] == nil {
		return nil // nothing was staged in whole; sendRecord sends what there is to say
	}
	a.missing = newMissing()
	defer func() { a.rec.edit(func(r *Record) { r.NotStored = a.missing.list() }) }()
	var total ferrysync.Stats
	var all []error
	for _, d := range a.outputDirs() {
		if a.snaps[d.Path] == nil {
			continue // not staged in whole, so nothing in it is known to be a result
		}
		s, err := a.up(ctx, d)
		total.Add(s)
		a.rec.edit(func(r *Record) { r.Transfers["stage-out"] = total })
		if err != nil {
			all = append(all, err)
		}
	}
	if err := errors.Join(all...); err != nil {
		if ctx.Err() != nil {
			return cause.Fail(cause.StageOut, "", "no time was left to stage everything out: %w", err)
		}
		return cause.Name(ctx, cause.StageOut, "", err)
	}
	return nil
}

// up sends one directory. A later call sends what changed after this one.
func (a *attempt) up(ctx context.Context, d Dir) (s ferrysync.Stats, err error) {
	if d.Path == a.MetadataDir {
		a.upload.Lock()
		defer a.upload.Unlock()
	}
	looked := false
	defer func() {
		if err != nil && !looked && a.missing != nil {
			a.missing.add(d.Path + "/") // nothing is known of what is in it
		}
	}()
	if err := a.collect(ctx, d.Path); err != nil {
		return s, err
	}
	root, err := a.root.OpenRoot(inRoot(d.Path))
	if err != nil {
		return s, fmt.Errorf("staging out %s: %w", d.Path, err)
	}
	defer root.Close()
	opts := ferrysync.Options{Preserve: true, Filters: a.upFilters(d)}
	// The new snapshot comes before the transfer: what changes meanwhile goes up once more rather than not at all.
	next, err := a.Transfer.Take(ctx, root, opts)
	if next == nil {
		return s, fmt.Errorf("staging out %s: %w", d.Path, err)
	}
	// What could not be read for the snapshot, Up will name.
	sent := newSentSet()
	opts.Since, opts.Event = a.snaps[d.Path], a.outEvent(d, sent)
	s, err = a.Transfer.Up(ctx, root, a.store, a.key(d), opts)
	if err != nil {
		if looked = true; a.missing != nil {
			a.nameMissing(ctx, root, d, opts, sent)
		}
		return s, fmt.Errorf("staging out %s: %w", d.Path, err)
	}
	a.snaps[d.Path] = next
	return s, nil
}

// upFilters are outFilters, and those for what sendRecord sends by itself: the exit code as long as the outcome is open, and
// it and the record once they were sent.
func (a *attempt) upFilters(d Dir) []ferrysync.Filter {
	f := a.outFilters(d)
	leave := func(p string) {
		if rel, ok := strings.CutPrefix(p, d.Path+"/"); ok {
			rel = escapePattern(rel)
			f = append(f, ferrysync.Filter{Pattern: rel}, ferrysync.Filter{Pattern: rel + "/*"}) // a module may make anything of it
		}
	}
	if !a.settled || a.told {
		leave(a.Files.ExitCode)
	}
	if a.told {
		leave(path.Join(a.MetadataDir, recordName))
	}
	return f
}

// outEvent takes note of what goes up.
func (a *attempt) outEvent(d Dir, sent *sentSet) func(ferrysync.Event) {
	return func(e ferrysync.Event) {
		switch {
		case e.Op == ferrysync.OpUpload:
			sent.add(e.Path)
		case e.Op == ferrysync.OpRefuse && a.missing != nil:
			a.missing.add(path.Join(d.Path, e.Path))
		}
		a.event(e)
	}
}

// sendRecord sends the files that say how the job ended, now that they are final: the record, then the exit code, then the
// rest of the metadata dir. Once that was done, it brings the record up to date.
func (a *attempt) sendRecord(save context.Context, limit time.Duration) error {
	ctx, cancel := lastly(save, limit)
	defer cancel()
	written := a.saveRecord() // where the disk is full it comes from memory
	err := a.sendFile(ctx, path.Join(a.MetadataDir, recordName), written == nil, a.rec.json())
	if err == nil && !a.told {
		var want int
		a.rec.edit(func(r *Record) { want = r.ExitCode })
		n, ok := a.ownExitCode()
		err = a.sendFile(ctx, a.Files.ExitCode, ok && n == want, exitFile(want))
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return cause.Fail(cause.StageOut, "", "sending the record: %w", err)
	case err != nil:
		return cause.Name(ctx, cause.StageOut, "", fmt.Errorf("sending the record: %w", err))
	case a.told:
		return nil
	}
	a.told = true
	if err := a.sendLogs(ctx); err != nil {
		a.Log.Warn().Err(err).Msg("sending the logs")
	}
	return nil
}

// sendLogs sends what changed in the metadata dir; where nothing is known of it, ferry's own files and no other.
func (a *attempt) sendLogs(ctx context.Context) error {
	if a.snaps[a.MetadataDir] != nil {
		_, err := a.up(ctx, Dir{Path: a.MetadataDir})
		return err
	}
	for _, p := range a.logFiles() {
		if _, err := a.root.Lstat(inRoot(p)); err != nil {
			continue
		}
		if err := a.sendFile(ctx, p, true, nil); err != nil {
			return err // what one could not reach, the next will not
		}
	}
	return nil
}

// sendFile sends one of ferry's own files, as it is on disk or from memory.
func (a *attempt) sendFile(ctx context.Context, p string, onDisk bool, data []byte) error {
	key := path.Join(a.prefix, inRoot(p))
	if onDisk {
		_, err := a.Transfer.UpFile(ctx, a.root, inRoot(p), a.store, key, ferrysync.Options{Preserve: true})
		return err
	}
	_, err := a.store.Put(ctx, key, store.Body{Bytes: data}, store.PutOptions{})
	return err
}

// logFiles are the files of ferry's own besides the record and the exit code, the most telling first.
func (a *attempt) logFiles() []string {
	all := []string{a.Files.Stderr}
	for _, n := range ownNames[1:] {
		all = append(all, path.Join(a.MetadataDir, n))
	}
	return all
}
