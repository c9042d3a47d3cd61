package sync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// A transfer is one call of Down or Up.
type transfer struct {
	e     *Engine
	o     Options
	st    store.Store
	tree  *tree.Tree
	count store.Counter
	stop  context.CancelCauseFunc
	ctx   context.Context

	files, bytes, skipped, deleted, refused, failed, dropped, listed atomic.Int64
	planned, settled                                                 atomic.Int64 // objects to fetch, and those whose outcome was told

	mu         sync.Mutex
	errs       []error
	more       int   // errors beyond those kept
	fatal      error // what stopped it all
	cutShort   bool  // the plan; set when planning has ended
	incomplete bool  // source or destination could not be seen whole: nothing is deleted
	throttled  atomic.Int64
}

// maxErrors is how many errors are kept for the error that a transfer returns; each was in an Event.
const maxErrors = 10

func (e *Engine) begin(ctx context.Context, st store.Store, root *os.Root, o Options) *transfer {
	t := &transfer{e: e, o: o, st: st, tree: tree.New(root)}
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
	s := Stats{
		Files: t.files.Load(), Bytes: t.bytes.Load(), Skipped: t.skipped.Load(), Deleted: t.deleted.Load(),
		Refused: t.refused.Load(), Failed: t.failed.Load(), Listed: t.listed.Load(),
		Dropped: t.dropped.Load(), CutShort: t.cutShort,
		Requests: t.count.Requests.Load(), Retries: t.count.Retries.Load(),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if outer.Err() != nil {
		return s, context.Cause(outer)
	}
	if t.fatal != nil {
		return s, t.fatal
	}
	if t.more > 0 {
		t.errs = append(t.errs, fmt.Errorf("and %d more", t.more))
	}
	if len(t.errs) == 0 {
		return s, nil
	}
	return s, &fileErrors{errors.Join(t.errs...)}
}

// event tells the caller.
func (t *transfer) event(e Event) {
	if t.o.Event != nil {
		t.o.Event(e)
	}
}

// skip counts a file that needs nothing.
func (t *transfer) skip(key, path string, size int64, why string) {
	t.skipped.Add(1)
	if t.o.Event != nil {
		t.event(Event{Op: OpSkip, Key: key, Path: path, Size: size, Why: why})
	}
}

// drop counts a file that was planned, and is not moved because the transfer was stopped.
func (t *transfer) drop(key, path string) {
	t.dropped.Add(1)
	if t.o.Event == nil {
		return
	}
	why := context.Cause(t.ctx)
	if why == ErrStopped {
		t.mu.Lock()
		why = t.fatal
		t.mu.Unlock()
	}
	t.event(Event{Op: OpFail, Key: key, Path: path, Err: fmt.Errorf("%w: %w", ErrStopped, why)})
}

// fail counts and keeps an error of one file, and stops everything where no other file could fare better.
func (t *transfer) fail(key, path string, err error) {
	if t.ctx.Err() != nil && errors.Is(err, context.Cause(t.ctx)) {
		t.drop(key, path)
		return
	}
	t.failed.Add(1)
	if stops(err) {
		if !t.halt(err) {
			t.event(Event{Op: OpFail, Key: key, Path: path, Err: fmt.Errorf("%w: %w", ErrStopped, err)})
		}
		return
	}
	t.keep(err)
	t.event(Event{Op: OpFail, Key: key, Path: path, Err: err})
}

// refuse counts a file that policy leaves out. down says that it is an error: something the caller asked for is missing.
func (t *transfer) refuse(key, path string, err error, isError bool) {
	t.refused.Add(1)
	if isError {
		t.keep(err)
	}
	t.event(Event{Op: OpRefuse, Key: key, Path: path, Err: err})
}

func (t *transfer) keep(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.errs) < maxErrors {
		t.errs = append(t.errs, err)
	} else {
		t.more++
	}
}

// halt stops the transfer, and says whether it is err that did.
func (t *transfer) halt(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fatal != nil {
		return false
	}
	t.fatal = err
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

// reconcile makes sure that every object that was to be fetched has had its outcome: that it came, with the size it was
// listed with or a newer version's, or that an error says why not. Anything else is a fault of this package.
func (t *transfer) reconcile() {
	if want, got := t.planned.Load(), t.settled.Load(); want != got && t.ctx.Err() == nil {
		t.halt(fmt.Errorf("of %d objects to fetch only %d were dealt with", want, got))
	}
}

// partial notes that a listing or walk missed something.
func (t *transfer) partial() {
	t.mu.Lock()
	t.incomplete = true
	t.mu.Unlock()
}

// stops says whether an error of one file is one of all files.
func stops(err error) bool {
	for _, e := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, tree.ErrNotWritable,
		store.ErrNoBucket, store.ErrCredentials, store.ErrRegion, store.ErrUnreachable,
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
