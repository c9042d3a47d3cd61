package wrapper

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	ferrysync "github.com/genepattern/ferry/sync"
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
	var total ferrysync.Stats
	var all []error
	for _, d := range a.outputDirs() {
		if a.snaps[d.Path] == nil {
			continue // not staged in whole, so nothing in it is known to be a result
		}
		s, err := a.up(ctx, d)
		total = sum(total, s)
		a.rec.edit(func(r *Record) { r.Transfers["stage-out"] = total })
		if err != nil {
			all = append(all, err)
		}
	}
	if err := errors.Join(all...); err != nil {
		if ctx.Err() != nil {
			return Fail(CauseStageOut, "", "no time was left to stage everything out: %w", err)
		}
		return transferCause(ctx, CauseStageOut, err)
	}
	return nil
}

// up sends one directory. A later call sends what changed after this one.
func (a *attempt) up(ctx context.Context, d Dir) (ferrysync.Stats, error) {
	if d.Path == a.MetadataDir {
		a.upload.Lock()
		defer a.upload.Unlock()
	}
	if err := a.collect(ctx, d.Path); err != nil {
		return ferrysync.Stats{}, err
	}
	root, err := a.root.OpenRoot(inRoot(d.Path))
	if err != nil {
		return ferrysync.Stats{}, fmt.Errorf("staging out %s: %w", d.Path, err)
	}
	defer root.Close()
	opts := ferrysync.Options{Preserve: true, Filters: a.outFilters(d), Event: a.event}
	// The new snapshot comes before the transfer: what changes meanwhile goes up once more rather than not at all.
	next, err := a.Transfer.Take(ctx, root, opts)
	if err != nil {
		return ferrysync.Stats{}, fmt.Errorf("staging out %s: %w", d.Path, err)
	}
	opts.Since = a.snaps[d.Path]
	s, err := a.Transfer.Up(ctx, root, a.store, a.key(d), opts)
	if err != nil {
		return s, fmt.Errorf("staging out %s: %w", d.Path, err)
	}
	a.snaps[d.Path] = next
	return s, nil
}

// sendRecord sends the files that say how the job ended, last of all, now that they are final.
func (a *attempt) sendRecord(ctx context.Context) error {
	if err := a.saveRecord(); err != nil {
		return diskCause(CauseStageOut, "", fmt.Errorf("writing %s: %w", recordName, err))
	}
	if a.snaps[a.MetadataDir] != nil {
		_, err := a.up(ctx, Dir{Path: a.MetadataDir})
		return transferCause(ctx, CauseStageOut, err)
	}
	// Nothing is known of the rest of the metadata dir: send ferry's own files and no other.
	var all []error
	for _, p := range a.outcomeFiles() {
		name := inRoot(p)
		if _, err := a.root.Lstat(name); err != nil {
			continue
		}
		if _, err := a.Transfer.UpFile(ctx, a.root, name, a.store, path.Join(a.prefix, name), ferrysync.Options{Preserve: true}); err != nil {
			all = append(all, err)
			break // what one could not reach, the next will not
		}
	}
	return transferCause(ctx, CauseStageOut, errors.Join(all...))
}

// outcomeFiles are the files of ferry's own, the most telling first.
func (a *attempt) outcomeFiles() []string {
	all := []string{path.Join(a.MetadataDir, recordName), a.Files.ExitCode, a.Files.Stderr}
	for _, n := range ownNames[1:] {
		all = append(all, path.Join(a.MetadataDir, n))
	}
	return all
}
