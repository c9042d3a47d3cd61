package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler/batch"
)

// stopper gives the two contexts of a job: that of the work, cancelled by the first TERM or INT or by a spot notice, and
// that of saving its results, which is cancelled grace later, or by a second signal.
type stopper struct {
	work, save context.Context
	cancelWork context.CancelCauseFunc
	cancelSave context.CancelCauseFunc
	signals    chan os.Signal
	notices    chan batch.SpotNotice
	done       chan struct{}
}

// lastReserve is the part of the grace time that is kept for the record, and for removing the container.
const lastReserve = 5 * time.Second

// spotReserve is the part of a spot notice's time that is kept for the record and the process's end.
const spotReserve = 10 * time.Second

// batchSlack is how much earlier than the walltime a TERM may come and still be AWS Batch's own limit: Batch counts from
// the container's start, which is before this process's.
const batchSlack = 5 * time.Second

// newStopper listens for signals. walltime is the job's: a GenePattern server gives Batch the same limit for the whole
// attempt that it gives the module, so Batch's TERM comes first, and what it means is the run limit.
func newStopper(parent context.Context, grace, walltime time.Duration, log zerolog.Logger) *stopper {
	s := &stopper{signals: make(chan os.Signal, 2), notices: make(chan batch.SpotNotice, 1), done: make(chan struct{})}
	s.work, s.cancelWork = context.WithCancelCause(parent)
	s.save, s.cancelSave = context.WithCancelCause(context.WithoutCancel(parent))
	signal.Notify(s.signals, syscall.SIGTERM, syscall.SIGINT)
	go s.watch(parent, grace, time.Now().Add(walltime-batchSlack), log)
	return s
}

func (s *stopper) watch(parent context.Context, grace time.Duration, limit time.Time, log zerolog.Logger) {
	select {
	case sig := <-s.signals:
		log.Warn().Stringer("signal", sig).Stringer("grace", grace).Msg("stopping")
		why := cause.Fail(cause.Interrupted, "", "told to stop (%v) before the module ended", sig)
		if sig == syscall.SIGTERM && !time.Now().Before(limit) {
			why = cause.Fail(cause.Walltime, "give a longer walltime", "told to stop (%v) at the end of the walltime", sig)
		}
		s.cancelWork(why)
	case n := <-s.notices:
		grace = max(grace, time.Until(n.At)-spotReserve)
		log.Warn().Time("at", n.At).Stringer("grace", grace).Msg("the spot instance is reclaimed; stopping")
		s.cancelWork(cause.Fail(cause.Interrupted, "", "the spot instance is reclaimed at %s", n.At.Format(time.RFC3339)))
	case <-parent.Done():
		s.cancelWork(context.Cause(parent))
	case <-s.done:
		return
	}
	select {
	case sig := <-s.signals:
		s.cancelSave(fmt.Errorf("told twice to stop (%v)", sig))
	case <-time.After(grace - min(lastReserve, grace/4)):
		s.cancelSave(errors.New("the grace time is over"))
	case <-s.done:
	}
}

// close ends the watch. Signals stay caught: one that comes now finds a job whose end the store was told, and must not make
// this process end otherwise.
func (s *stopper) close() {
	close(s.done)
	s.cancelWork(nil)
	s.cancelSave(nil)
}
