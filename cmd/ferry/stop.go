package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler/batch"
)

// A stopper gives the two contexts of a job. That of the work is cancelled by the first signal or spot notice. That of saving
// its results is cancelled at a deadline, which depends on who stops the job. A later signal or notice can only shorten it.
type stopper struct {
	work, save context.Context
	cancelWork context.CancelCauseFunc
	cancelSave context.CancelCauseFunc
	signals    chan os.Signal
	notices    chan batch.SpotNotice
	done       chan struct{}
	rules      stopRules      // watch's alone
	known      chan stopRules // hands rules to watch
	log        zerolog.Logger
	hurry      func()                    // called before anything is said of a stop
	launched   atomic.Pointer[time.Time] // when the module started, nil before
}

// stopRules say how much time a stop leaves, and what it means.
type stopRules struct {
	grace    time.Duration // from a signal on
	walltime time.Duration // of the module
	inBatch  bool          // AWS Batch runs this process
	began    time.Time     // when this process did
}

const (
	// lastReserve is the part of the grace time that is kept for the record, and for removing the container.
	lastReserve = 5 * time.Second
	// spotReserve is the part of a spot notice's time that is kept for the record and the process's end.
	spotReserve = 10 * time.Second
	// walltimeSlack is how much earlier than the walltime a TERM may come and still be the walltime's: others count from a
	// container's start, which is before ferry's and before the module's.
	walltimeSlack = 5 * time.Second
	// batchLate is how late AWS Batch may act on its own limit.
	batchLate = 30 * time.Second
	// batchLeast is the shortest limit that AWS Batch takes.
	batchLeast = time.Minute
	// unknownGrace is the time to tell of a stop that comes before the job's own is known.
	unknownGrace = 25 * time.Second
	// describeTime is how long a description is waited for after a stop, so that the store can be told of it: a file may be a
	// terminal where nobody writes.
	describeTime = 2 * time.Second
	// sameKey is the time within which a second INT is the same Ctrl-C: a terminal sends it to all processes of a pipeline, and
	// some of them (docker, make) pass theirs on.
	sameKey = 2 * time.Second
)

var errGraceOver = errors.New("the grace time is over")

// listen catches the signals that stop a job. One that was ignored when ferry began, as nohup does with HUP, stays ignored.
func listen() chan os.Signal {
	c := make(chan os.Signal, 4)
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	return c
}

// newStopper heeds signals from now on. Of what came before it hears, too.
func newStopper(parent context.Context, signals chan os.Signal, hurry func(), log zerolog.Logger) *stopper {
	s := &stopper{signals: signals, notices: make(chan batch.SpotNotice, 1), done: make(chan struct{}), known: make(chan stopRules), hurry: hurry, log: log,
		rules: stopRules{grace: unknownGrace}}
	s.work, s.cancelWork = context.WithCancelCause(parent)
	s.save, s.cancelSave = context.WithCancelCause(context.WithoutCancel(parent))
	go s.watch(parent)
	return s
}

// rule says what a stop means, once the job is known.
func (s *stopper) rule(r stopRules) { s.known <- r }

// during runs f, which cannot be told to stop, and after a stop waits for it a little only. Its error is why the job was stopped
// where it was.
func (s *stopper) during(f func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	var late <-chan time.Time
	stopped := s.work.Done()
	for {
		select {
		case err := <-ended:
			if err != nil && s.work.Err() != nil {
				return context.Cause(s.work)
			}
			return err
		case <-stopped:
			stopped, late = nil, time.After(describeTime)
		case <-late:
			return context.Cause(s.work)
		}
	}
}

// leave ends the listening: signals are again what they were. Its error is why the job was stopped before, if it was.
func (s *stopper) leave() error {
	signal.Stop(s.signals)
	for len(s.signals) > 0 && s.work.Err() == nil {
		time.Sleep(time.Millisecond) // until watch has heard the last
	}
	return context.Cause(s.work)
}

// launch notes that the module has started.
func (s *stopper) launch() {
	now := time.Now()
	s.launched.CompareAndSwap(nil, &now)
}

// watch waits for whatever stops the job, until the stopper is closed.
func (s *stopper) watch(parent context.Context) {
	var until deadline
	var firstInt time.Time
	ended := parent.Done()
	for {
		select {
		case s.rules = <-s.known:
		case sig := <-s.signals:
			s.hurry()
			now := time.Now()
			if sig == syscall.SIGINT && firstInt.IsZero() {
				firstInt = now
			} else if sig == syscall.SIGINT && now.Sub(firstInt) > sameKey {
				s.cancelSave(errors.New("told twice to stop (interrupt)"))
				continue
			}
			until.shorten(now.Add(s.rules.grace - min(lastReserve, s.rules.grace/4)))
			s.log.Warn().Stringer("signal", sig).Stringer("grace", s.rules.grace).Msg("stopping")
			s.cancelWork(s.meaning(sig, now))
		case n := <-s.notices:
			s.hurry()
			until.shorten(n.At.Add(-spotReserve))
			s.log.Warn().Time("at", n.At).Msg("the spot instance is reclaimed; stopping")
			s.cancelWork(cause.Fail(cause.Interrupted, "", "the spot instance is reclaimed at %s", n.At.Format(time.RFC3339)))
		case <-ended:
			ended = nil
			until.shorten(time.Now().Add(s.rules.grace))
			s.cancelWork(context.Cause(parent))
		case <-until.over:
			s.cancelSave(errGraceOver)
		case <-s.done:
			return
		}
	}
}

// meaning is why the job ends after a signal that came at now.
func (s *stopper) meaning(sig os.Signal, now time.Time) error {
	if sig == syscall.SIGTERM && s.rules.atWalltime(s.launched.Load(), now) {
		return cause.Fail(cause.Walltime, "give a longer walltime", "told to stop (%v) at the end of the walltime", sig)
	}
	return cause.Fail(cause.Interrupted, "", "told to stop (%v) before the module ended", sig)
}

// atWalltime reports whether a TERM at now is somebody's limit and no interruption. It is where the module has run for its
// walltime. It also is where AWS Batch's own limit is due: a GenePattern server gives Batch the same limit for the whole
// attempt that it gives the module, and Batch's TERM comes first. launched is nil where the module has not started.
func (r stopRules) atWalltime(launched *time.Time, now time.Time) bool {
	slack := min(walltimeSlack, r.walltime/10)
	if launched != nil && now.Sub(*launched) >= r.walltime-slack {
		return true
	}
	since := now.Sub(r.began)
	return r.inBatch && r.walltime >= batchLeast && since >= r.walltime-slack && since <= r.walltime+batchLate
}

// close ends the watch. Signals stay caught: one that comes now finds a job whose end the store was told, and must not make
// this process end otherwise.
func (s *stopper) close() {
	close(s.done)
	s.cancelWork(nil)
	s.cancelSave(nil)
}

// A deadline comes earlier or stays. The zero deadline is never over.
type deadline struct {
	at   time.Time
	over <-chan time.Time
}

// shorten makes the deadline t, unless it is earlier already.
func (d *deadline) shorten(t time.Time) {
	if d.over == nil || t.Before(d.at) {
		d.at, d.over = t, time.After(time.Until(t))
	}
}
