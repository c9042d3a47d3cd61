package sync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// A transfer is one call of Down, Up, DownFile or UpFile. What Down and Up plan is in downloads and uploads, how one file
// moves in incoming and outgoing.
type transfer struct {
	e     *Engine
	o     Options
	st    store.Store
	tree  *tree.Tree
	count store.Counter
	stop  context.CancelCauseFunc
	ctx   context.Context

	tally     tally
	verified  census
	trouble   trouble
	cutShort  bool         // the plan; set when planning has ended
	throttled atomic.Int64 // of count, what the engine knows of
}

// A tally counts what Stats tells.
type tally struct{ files, bytes, skipped, deleted, refused, failed, dropped, warned, listed atomic.Int64 }

// A census counts by name.
type census struct {
	mu sync.Mutex
	n  map[string]int64
}

func (c *census) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int64{}
	}
	c.n[name]++
}

// trouble is what went wrong.
type trouble struct {
	mu         sync.Mutex
	errs       []error
	more       int   // errors beyond those kept
	fatal      error // what stopped it all
	incomplete bool  // source or destination could not be seen whole: nothing is deleted
}

// maxErrors is how many errors are kept for the error that a transfer returns; each was in an Event.
const maxErrors = 10

func (e *Engine) begin(ctx context.Context, st store.Store, root *os.Root, o Options) *transfer {
	t := &transfer{e: e, o: o, st: st, tree: tree.New(root)}
	e.lim.atMost(limitOf(st))
	t.tree.Follow(o.Links)
	ctx, t.stop = context.WithCancelCause(ctx)
	t.ctx = store.WithCounter(ctx, &t.count)
	if t.o.Progress == nil {
		t.o.Progress = new(Progress)
	}
	return t
}

// end is what the transfer returns.
func (t *transfer) end(outer context.Context) (Stats, error) {
	t.stop(nil)
	t.tree.Close()
	n := &t.tally
	s := Stats{
		Files: n.files.Load(), Bytes: n.bytes.Load(), Skipped: n.skipped.Load(), Deleted: n.deleted.Load(),
		Refused: n.refused.Load(), Failed: n.failed.Load(), Listed: n.listed.Load(),
		Dropped: n.dropped.Load(), Warned: n.warned.Load(), CutShort: t.cutShort,
		Requests: t.count.Requests.Load(), Retries: t.count.Retries.Load(),
		Verified: t.verified.n,
	}
	t.trouble.mu.Lock()
	defer t.trouble.mu.Unlock()
	if outer.Err() != nil {
		return s, context.Cause(outer)
	}
	if t.trouble.fatal != nil {
		return s, t.trouble.fatal
	}
	if t.trouble.more > 0 {
		t.trouble.errs = append(t.trouble.errs, fmt.Errorf("and %d more", t.trouble.more))
	}
	if len(t.trouble.errs) == 0 {
		return s, nil
	}
	return s, &fileErrors{errors.Join(t.trouble.errs...)}
}

// event tells the caller.
func (t *transfer) event(e Event) {
	if t.o.Event != nil {
		t.o.Event(e)
	}
}

// done counts a file that was moved, or would have been.
func (t *transfer) done(op Op, key, path string, size int64, why string) {
	t.tally.files.Add(1)
	t.tally.bytes.Add(size)
	t.o.Progress.DoneFiles.Add(1)
	if t.o.Event != nil {
		t.event(Event{Op: op, Key: key, Path: path, Size: size, Why: why, Dry: t.o.DryRun})
	}
}

// moved counts bytes as they pass.
func (t *transfer) moved(n int64) {
	t.o.Progress.DoneBytes.Add(n)
	t.e.lim.add(n)
}

// skip counts a file that needs nothing.
func (t *transfer) skip(key, path string, size int64, why string) {
	t.tally.skipped.Add(1)
	if t.o.Event != nil {
		t.event(Event{Op: OpSkip, Key: key, Path: path, Size: size, Why: why})
	}
}

// drop counts a file that was planned, and is not moved because the transfer was stopped.
func (t *transfer) drop(key, path string) {
	t.tally.dropped.Add(1)
	if t.o.Event == nil {
		return
	}
	why := context.Cause(t.ctx)
	if why == ErrStopped {
		t.trouble.mu.Lock()
		why = t.trouble.fatal
		t.trouble.mu.Unlock()
	}
	t.event(Event{Op: OpFail, Key: key, Path: path, Err: fmt.Errorf("%w: %w", ErrStopped, why)})
}

// fail counts and keeps an error of one file, and stops everything where no other file could fare better.
func (t *transfer) fail(key, path string, err error) {
	if t.ctx.Err() != nil && errors.Is(err, context.Cause(t.ctx)) {
		t.drop(key, path)
		return
	}
	t.tally.failed.Add(1)
	if stops(err) {
		if !t.halt(err) {
			t.event(Event{Op: OpFail, Key: key, Path: path, Err: fmt.Errorf("%w: %w", ErrStopped, err)})
		}
		return
	}
	t.keep(err)
	t.event(Event{Op: OpFail, Key: key, Path: path, Err: err})
}

// refusedKey names the object that a refusal is of.
func (t *transfer) refusedKey(key string, err error) error {
	return fmt.Errorf("key %s %w", strconv.Quote(t.st.URL(key)), err)
}

// refuse counts a file that policy leaves out. down says that it is an error: something the caller asked for is missing.
func (t *transfer) refuse(key, path string, err error, isError bool) {
	t.tally.refused.Add(1)
	if isError {
		t.keep(err)
	}
	t.event(Event{Op: OpRefuse, Key: key, Path: path, Err: err})
}

// warn tells of a file that is left out, or moved in spite of a doubt.
func (t *transfer) warn(key, path string, err error) {
	t.event(Event{Op: OpWarn, Key: key, Path: path, Err: err})
}

func (t *transfer) keep(err error) {
	t.trouble.mu.Lock()
	defer t.trouble.mu.Unlock()
	if len(t.trouble.errs) < maxErrors {
		t.trouble.errs = append(t.trouble.errs, err)
	} else {
		t.trouble.more++
	}
}

// halt stops the transfer, and says whether it is err that did.
func (t *transfer) halt(err error) bool {
	t.trouble.mu.Lock()
	defer t.trouble.mu.Unlock()
	if t.trouble.fatal != nil {
		return false
	}
	t.trouble.fatal = err
	t.stop(ErrStopped)
	return true
}

// guard runs f, a part of the transfer. A panic in it is the transfer's end and not the process's.
func (t *transfer) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			t.halt(cause.Caught(p))
		}
	}()
	f()
}

// partial notes that a listing or walk missed something.
func (t *transfer) partial() {
	t.trouble.mu.Lock()
	t.trouble.incomplete = true
	t.trouble.mu.Unlock()
}

// mayDelete says whether both sides were seen whole, and nothing went wrong.
func (t *transfer) mayDelete() bool {
	t.trouble.mu.Lock()
	defer t.trouble.mu.Unlock()
	return !t.trouble.incomplete && t.trouble.fatal == nil && t.tally.failed.Load() == 0
}

// stops says whether an error of one file is one of all files.
func stops(err error) bool {
	for _, e := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, tree.ErrNotWritable,
		store.ErrNoBucket, store.ErrCredentials, store.ErrRegion, store.ErrOutage,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	var bug *cause.PanicError
	return errors.As(err, &bug)
}

// IsPerFile says whether what a transfer returned is the errors of single files, each of which was in an Event, and not
// one that stopped the transfer.
func IsPerFile(err error) bool {
	_, ok := err.(*fileErrors)
	return ok
}

// fileErrors are the errors of several files.
type fileErrors struct{ error }

func (e *fileErrors) Unwrap() error { return e.error }
