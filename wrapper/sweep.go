package wrapper

import (
	"context"
	"errors"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/wrapper/node"
)

// A sweeping removes what killed ferries left of other jobs, beside the job. Nobody waits for it while the job has something to do.
type sweeping struct {
	cancel context.CancelFunc
	done   chan struct{}
}

const (
	// sweepLast is how long a job that has ended waits for it: deleting a million files takes some ten seconds, and results that
	// other jobs left may be on their way.
	sweepLast = 2 * time.Minute
	// sweepStop is how long it may take to stop. An engine may be silent.
	sweepStop = 2 * time.Second
)

// sweepBeside begins a sweeping. It stops when work does: whoever stops a job needs the time for its results.
func sweepBeside(work context.Context, s *site, deps Deps) *sweeping {
	ctx, cancel := context.WithCancel(work)
	w := &sweeping{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		_ = s.tell.guard(func() error { sweepOthers(ctx, s, deps.Engine); return nil })
		_ = s.tell.guard(func() error { resumeOthers(ctx, s, deps); return nil })
	}()
	return w
}

// end waits for the end of the sweeping, for a while and only as long as nobody stops the job. It may be nil.
func (w *sweeping) end(work context.Context) {
	if w == nil {
		return
	}
	defer w.cancel()
	select {
	case <-w.done:
		return
	case <-work.Done():
	case <-time.After(sweepLast):
	}
	w.cancel()
	select {
	case <-w.done:
	case <-time.After(sweepStop):
	}
}

// sweepOthers removes what killed ferries left of other jobs, until ctx ends. It runs beside the job and never fails it.
func sweepOthers(ctx context.Context, s *site, eng engine.Engine) {
	if n, err := engine.Sweep(ctx, eng); n > 0 || err != nil {
		s.tell.log.Debug().Int("removed", n).Err(err).Msg("looking for what engines made for killed ferries")
	}
	all, err := node.Orphans(ctx, eng, s.job.LocalPrefix, true)
	for _, o := range all {
		s.tell.log.Warn().Stringer("orphan", o).Msg("removed what a killed ferry left")
	}
	err = errors.Join(err, node.EmptyTrash(ctx, s.job.LocalPrefix))
	if err != nil && ctx.Err() == nil {
		s.tell.log.Warn().Err(err).Msg("removing what killed ferries left")
	}
}

// resumeOthers sends the results that earlier jobs could not store, until ctx ends. It never fails the job.
func resumeOthers(ctx context.Context, s *site, deps Deps) {
	if deps.Reopen == nil {
		return
	}
	all, err := Resume(ctx, s.job.LocalPrefix, deps.Reopen, deps.Transfer, s.tell.log)
	for _, r := range all {
		if ctx.Err() == nil || r.Sent {
			s.tell.log.Warn().Str("job", r.Job).Int("attempt", r.Attempt).Str("place", r.Place).Int64("files", r.Files).Bool("sent", r.Sent).AnErr("why", r.Err).
				Msg("results that an earlier job left on this node")
		}
	}
	if err == nil {
		err = node.EmptyTrash(ctx, s.job.LocalPrefix)
	}
	if err != nil && ctx.Err() == nil {
		s.tell.log.Warn().Err(err).Msg("sending what earlier jobs left")
	}
	trimKept(ctx, s)
}
