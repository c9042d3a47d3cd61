package wrapper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// Resumed is what became of results that a node had kept.
type Resumed struct {
	Job     string `json:"job,omitempty"`
	Attempt int    `json:"attempt,omitempty"`
	Place   string `json:"place"`
	Files   int64  `json:"files"`
	Sent    bool   `json:"sent"` // the store has all of it, and the job's outcome
	Err     error  `json:"-"`
	Why     string `json:"why,omitempty"` // it was not sent
}

// A Reopener gives an Opener for the options of stores that another job had.
type Reopener func(settings map[string]string) (Opener, error)

// Resume sends the results below a local prefix that could not be stored when their jobs ended, and then how these ended. What cannot
// be sent now stays. It stops when ctx ends. Several ferries may do so at the same time.
func Resume(ctx context.Context, prefix string, reopen Reopener, transfer *ferrysync.Engine, log zerolog.Logger) ([]Resumed, error) {
	names, err := node.Kept(prefix)
	if err != nil {
		return nil, err
	}
	var all []Resumed
	for _, name := range names {
		if ctx.Err() != nil {
			return all, cause.Stopped(ctx, ctx.Err())
		}
		tree, err := node.OpenKept(prefix, name)
		if errors.Is(err, node.ErrInUse) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		r := resumption{prefix: prefix, tree: tree, transfer: transfer, log: log}
		if err == nil {
			err = r.run(ctx, reopen)
		} else {
			r.out.Place = name
		}
		r.out.Sent, r.out.Err = err == nil, err
		if err != nil {
			r.out.Why = err.Error()
		}
		all = append(all, r.out)
	}
	return all, nil
}

// A resumption sends what one attempt left.
type resumption struct {
	prefix   string // the node's local prefix
	tree     *node.KeptTree
	transfer *ferrysync.Engine
	log      zerolog.Logger
	man      manifest
	remote   *remote
	out      Resumed
}

// run sends all, and removes it from the node.
func (r *resumption) run(ctx context.Context, reopen Reopener) (err error) {
	r.out.Place = r.tree.Place
	sent := false
	defer func() {
		if sent {
			node.DropRecords(r.prefix, r.man.Job, r.man.Attempt) // that could not be sent then
			err = r.tree.Drop()
		} else {
			err = errors.Join(err, r.tree.Release())
		}
	}()
	if err := json.Unmarshal(r.tree.Manifest, &r.man); err != nil {
		return fmt.Errorf("reading what was kept: %w", err)
	}
	r.out.Job, r.out.Attempt = r.man.Job, r.man.Attempt
	open, err := reopen(r.man.Store)
	if err != nil {
		return err
	}
	st, prefix, err := open(ctx, r.man.Remote)
	if err != nil {
		return err
	}
	r.remote = &remote{store: st, prefix: prefix, root: (&job.Job{Remote: r.man.Remote}).URL("/"), open: open}
	over, err := r.isOver(ctx)
	if err != nil {
		return err
	}
	if !over {
		if err := r.send(ctx); err != nil {
			return err
		}
	}
	sent = true
	return nil
}

// isOver reports whether nobody needs what was kept any more, because a newer attempt has succeeded. It is an error where a newer one
// has begun, or where the store does not tell.
func (r *resumption) isOver(ctx context.Context) (bool, error) {
	data, err := r.remote.read(ctx, r.remote.key(r.man.Record), recordMax)
	if errors.Is(err, store.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking for a newer attempt: %w", err)
	}
	var there record.Record
	if json.Unmarshal(data, &there) != nil {
		return false, nil // no ferry has written that
	}
	switch {
	case there.Run == r.man.Run || there.Attempt < r.man.Attempt:
		return false, nil
	case there.State == record.StateDone && there.ExitCode == 0:
		r.log.Info().Str("job", r.man.Job).Int("attempt", there.Attempt).Msg("a newer attempt has succeeded: what an older one left is removed")
		return true, nil
	}
	return false, newerError(there.Subject, r.man.Attempt)
}

// send sends the results, then the record, then the exit code. Nothing is sent of a tree that is not what was kept.
func (r *resumption) send(ctx context.Context) error {
	if err := r.verify(ctx); err != nil {
		return err
	}
	last := record.Record{}
	if err := json.Unmarshal(r.man.Last, &last); err != nil {
		return fmt.Errorf("reading the kept record: %w", err)
	}
	mine := &claim{remote: r.remote, key: r.remote.key(r.man.Record), attempt: r.man.Attempt, run: r.man.Run, stands: true}
	ctx, stop := mine.while(ctx)
	defer stop()
	var total ferrysync.Stats
	for i, d := range r.man.Dirs {
		s, err := r.dir(ctx, strconv.Itoa(i), d)
		total.Add(s)
		r.out.Files = total.Files
		if lost := mine.given(); lost != nil {
			return lost
		}
		if err != nil {
			return err
		}
	}
	if err := mine.check(ctx); err != nil {
		return err
	}
	now := time.Now().UTC()
	last.State, last.Kept, last.Resumed, last.NotStored = record.StateDone, "", &now, r.man.Lost
	short := len(r.man.Lost)
	for _, d := range r.man.Dirs {
		short += len(d.Refused)
		last.NotStored = slices.Concat(last.NotStored, d.Refused, d.Left)
	}
	code := r.man.Code
	switch {
	case code == 0 && short > 0: // it stays a failure, of what cannot be stored at all
		code, last.Error, last.Hint = last.ExitCode, fmt.Sprintf("%d results cannot be stored, and not_stored names them; the others were sent later", short), ""
	case code == 0: // the module succeeded, and so does the job now
		last.ExitCode, last.Cause, last.Error, last.Hint = 0, cause.None, "", ""
	}
	if last.Ended == nil {
		last.Ended = &now
	}
	if err := r.remote.put(ctx, r.remote.key(r.man.Record), last.JSON()); err != nil {
		return fmt.Errorf("sending the record: %w", err)
	}
	if err := r.remote.put(ctx, r.remote.key(r.man.ExitFile), record.ExitFile(code)); err != nil {
		return fmt.Errorf("sending the exit code: %w", err)
	}
	return nil
}

// verify counts what is there.
func (r *resumption) verify(ctx context.Context) error {
	for i, d := range r.man.Dirs {
		var files, bytes int64
		err := fs.WalkDir(r.tree.FS(), strconv.Itoa(i), func(_ string, e fs.DirEntry, err error) error {
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			if e.Type().IsRegular() {
				st, err := e.Info()
				if err != nil {
					return err
				}
				files, bytes = files+1, bytes+st.Size()
			}
			return nil
		})
		if err != nil {
			return err
		}
		if files < d.Files || bytes < d.Bytes {
			return cause.Fail(cause.StageOut, "run the job again", "the results in %s are not what was kept: %d files of %d, %d bytes of %d", r.tree.Place, files, d.Files, bytes, d.Bytes)
		}
	}
	return nil
}

// dir sends one directory.
func (r *resumption) dir(ctx context.Context, name string, d keptDir) (s ferrysync.Stats, err error) {
	root, err := r.tree.OpenRoot(name)
	if err != nil {
		return s, err
	}
	defer root.Close()
	st, prefix, err := r.remote.at(ctx, d.URL)
	if err != nil {
		return s, err
	}
	// What a snapshot leaves out is new, and so all is sent, whatever the store has there.
	nothing, err := r.transfer.Take(ctx, root, ferrysync.Options{Filters: []ferrysync.Filter{{Pattern: "*"}}})
	if err != nil {
		return s, err
	}
	s, err = r.transfer.Up(ctx, root, st, prefix, ferrysync.Options{Preserve: true, Since: nothing, Event: func(e ferrysync.Event) {
		if e.Op == ferrysync.OpFail || e.Op == ferrysync.OpRefuse {
			r.log.Warn().Err(e.Err).Str("file", e.Key).Msg("a kept result is not sent")
		}
	}})
	return s, err
}
