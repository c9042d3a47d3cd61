package wrapper

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

const (
	// stopTime is between TERM and KILL: long enough for a shell to pass TERM on and a tool to remove its temporary
	// files, short against the 25 s that AWS Batch leaves for everything.
	stopTime = 5 * time.Second
	// reportPeriod is between two lines of statistics, and two uploads of the metadata dir; the contract's 30 s.
	reportPeriod = 30 * time.Second
	// usageFirst and usagePeriod are when usage is read: soon, so that short modules have a reading, then ever more
	// seldom up to the period, as each costs the engine a few milliseconds.
	usageFirst  = 100 * time.Millisecond
	usagePeriod = 5 * time.Second
)

// usage is what the module was seen to use. Safe for concurrent use.
type usage struct {
	mu   sync.Mutex
	peak int64
	last engine.Stats
}

func (u *usage) add(s engine.Stats) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = s
	u.peak = max(u.peak, s.Memory, s.MemoryPeak)
}

func (u *usage) get() (peak int64, last engine.Stats) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.peak, u.last
}

// wait returns when the module has ended: nil if by itself, else why it was stopped.
func (a *attempt) wait(work, save context.Context) error {
	limit, cancel := context.WithTimeoutCause(work, a.Walltime,
		cause.Fail(cause.Walltime, "give a longer --walltime", "the module ran for its whole walltime of %v", a.Walltime))
	defer cancel()
	beside, stop := context.WithCancel(context.WithoutCancel(work))
	var wg sync.WaitGroup
	wg.Go(func() { _ = a.guard(func() error { a.watchUsage(beside); return nil }) })
	wg.Go(func() { _ = a.guard(func() error { a.report(beside); return nil }) })
	defer wg.Wait()
	defer stop()

	ended := make(chan error, 1)
	go func() { ended <- a.guard(func() error { return a.waitContainer() }) }()
	select {
	case err := <-ended:
		if err == nil && a.killed() {
			return a.killer(limit)
		}
		return err
	case <-limit.Done():
	}
	why := cause.Stopped(limit, limit.Err())
	if work.Err() == nil {
		a.beginGrace() // a signal's has begun already
	}
	a.Log.Warn().Err(why).Msg("stopping the module")
	a.halt(save)
	select {
	case <-ended:
	case <-time.After(stopTime):
		a.warn("the engine did not say how the stopped module ended")
	}
	return why
}

// halt stops the container: in its own time, or at once where save has ended too.
func (a *attempt) halt(save context.Context) {
	if a.container == nil {
		return
	}
	grace := min(stopTime, a.Grace/2)
	ctx, cancel := context.WithTimeout(save, grace+stopTime) // an engine may hang
	defer cancel()
	err := a.container.Stop(ctx, grace)
	if err != nil && save.Err() != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(save), stopTime)
		defer cancel()
		err = a.container.Stop(ctx, 0)
	}
	if err != nil {
		a.warn("stopping the module: %v", err)
	}
}

// killed says that something ended the module by TERM or KILL that was neither ferry nor its memory limit.
func (a *attempt) killed() bool {
	exit := a.ended()
	if exit == nil || exit.OOMKilled || exit.Code != 128+int(syscall.SIGTERM) && exit.Code != 128+int(syscall.SIGKILL) {
		return false
	}
	_, own := a.ownExitCode()
	return !own
}

// killerTime is how long after the module's end ferry may be told to stop by the same hand: an engine that shuts down
// stops all its containers at once.
const killerTime = time.Second

// killer is why the module was killed, where ferry is told to stop as well.
func (a *attempt) killer(work context.Context) error {
	select {
	case <-work.Done():
		return cause.Stopped(work, work.Err())
	case <-time.After(killerTime):
	}
	a.warn("the module was ended by a signal (%s) that ferry did not send", signalOf(a.ended().Code))
	return nil
}

// waitContainer keeps how the container ended.
func (a *attempt) waitContainer() error {
	exit, err := a.container.Wait(context.Background())
	if err != nil {
		return cause.Name(context.Background(), cause.Engine, "", fmt.Errorf("waiting for the module: %w", err))
	}
	a.rec.edit(func(*Record) { a.exit = &exit })
	return nil
}

// ended is how the container ended, nil while that is unknown.
func (a *attempt) ended() (exit *engine.Exit) {
	a.rec.edit(func(*Record) { exit = a.exit })
	return exit
}

func (a *attempt) watchUsage(ctx context.Context) {
	for pause := usageFirst; ; pause = min(pause*2, usagePeriod) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if s, err := a.container.Stats(ctx); err == nil {
			a.usage.add(s)
		}
	}
}

// report writes a line of statistics and sends the metadata dir up, so that those who wait see how far the module is.
func (a *attempt) report(ctx context.Context) {
	tick := time.NewTicker(reportPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		peak, s := a.usage.get()
		fmt.Fprintf(a.logs.stats, "%s memory=%d peak=%d cpu_seconds=%.2f pids=%d\n",
			time.Now().UTC().Format(time.RFC3339), s.Memory, peak, s.CPUSeconds, s.PIDs)
		_ = a.saveRecord()
		if _, err := a.up(ctx, Dir{Path: a.MetadataDir}); err != nil && ctx.Err() == nil {
			a.Log.Warn().Err(err).Msg("sending the metadata dir")
		}
	}
}
