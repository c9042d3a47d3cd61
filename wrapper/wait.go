package wrapper

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/wrapper/record"
)

const (
	// stopTime is between TERM and KILL. It is long enough for a shell to pass TERM on and for a tool to remove its temporary
	// files. It is short against the default grace time of 25 s.
	stopTime = 5 * time.Second
	// reportFirst is before the first report, so that those who look at a new job see that it runs. The pause doubles up to
	// reportPeriod.
	reportFirst = 2 * time.Second
	// reportPeriod is between two lines of statistics, and between two uploads of the metadata dir. A GenePattern server
	// expects 30 s.
	reportPeriod = 30 * time.Second
	// usageFirst is before the first reading of usage: soon, so that short modules have one.
	usageFirst = 100 * time.Millisecond
	// usagePeriod is the longest pause between two readings. The pause doubles up to it, because a reading costs the engine a
	// few milliseconds.
	usagePeriod = 5 * time.Second
)

// A watch is what ferry does while the module runs: it waits, reads usage and reports.
type watch struct {
	module *module
	outbox *outbox
	save   context.Context
	// atWalltime is called where ferry itself ends the module.
	atWalltime func()
}

// wait returns when the module has ended. The error is nil where the module ended by itself, else it says why it was stopped and
// has a cause.
func (w watch) wait(work context.Context) error {
	m, tell := w.module, w.module.site.tell
	walltime := m.site.job.Walltime
	limit, cancel := context.WithTimeoutCause(work, walltime,
		cause.Fail(cause.Walltime, "give a longer --walltime", "the module ran for its whole walltime of %v", walltime))
	defer cancel()
	beside, stop := context.WithCancel(context.WithoutCancel(work))
	var wg sync.WaitGroup
	wg.Go(func() { _ = tell.guard(func() error { m.watchUsage(beside); return nil }) })
	wg.Go(func() { _ = tell.guard(func() error { w.report(beside); return nil }) })
	defer wg.Wait()
	defer stop()

	ended := make(chan error, 1)
	go func() { ended <- tell.guard(m.waitContainer) }()
	select {
	case err := <-ended:
		if err == nil && m.killed() {
			return m.killer(limit)
		}
		return err
	case <-limit.Done():
	}
	why := cause.Stopped(limit, limit.Err())
	if work.Err() == nil {
		w.atWalltime() // where a signal stops the job, its sender's deadline holds
	}
	tell.log.Warn().Err(why).Msg("stopping the module")
	m.halt(w.save)
	select {
	case err := <-ended:
		if err != nil {
			tell.log.Debug().Err(err).Msg("the stopped module")
		}
	case <-time.After(stopTime):
		tell.warn("the engine did not say how the stopped module ended")
	}
	return why
}

// halt stops the container, with TERM and then KILL. Where save has ended, it kills at once.
func (m *module) halt(save context.Context) {
	grace := min(stopTime, m.site.job.Grace/2)
	ctx, cancel := context.WithTimeout(save, grace+stopTime) // an engine may hang
	defer cancel()
	err := m.container.Stop(ctx, grace)
	if err != nil && save.Err() != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(save), stopTime)
		defer cancel()
		err = m.container.Stop(ctx, 0)
	}
	if err != nil {
		m.site.tell.warn("stopping the module: %v", err)
	}
}

// killed reports whether a TERM or KILL ended the module that came neither from ferry nor from its memory limit.
func (m *module) killed() bool {
	exit := m.ended()
	if exit == nil || exit.OOMKilled || exit.Code != 128+int(syscall.SIGTERM) && exit.Code != 128+int(syscall.SIGKILL) {
		return false
	}
	_, own := m.site.exitCode()
	return !own
}

// killerTime is how long after a kill of the module ferry waits to be told to stop too. An engine that shuts down stops all its
// containers, ferry's among them.
const killerTime = time.Second

// killer is why the module was killed, where ferry is told to stop as well, else nil.
func (m *module) killer(work context.Context) error {
	select {
	case <-work.Done():
		return cause.Stopped(work, work.Err())
	case <-time.After(killerTime):
	}
	m.site.tell.warn("the module was ended by a signal (%s) that ferry did not send", record.SignalOf(m.ended().Code))
	return nil
}

// waitContainer waits for the container's end and keeps it. Its error has a cause.
func (m *module) waitContainer() error {
	exit, err := m.container.Wait(context.Background())
	for _, o := range m.marked {
		o.flush()
	}
	if err != nil {
		return cause.Name(context.Background(), cause.Engine, "", fmt.Errorf("waiting for the module: %w", err))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exit = &exit
	return nil
}

func (m *module) watchUsage(ctx context.Context) {
	for pause := usageFirst; ; pause = min(pause*2, usagePeriod) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if s, err := m.container.Stats(ctx); err == nil {
			m.usage.add(s)
		}
	}
}

// report writes a line of statistics and sends the metadata dir, at least every reportPeriod, so that those who wait see how far the
// module is. Large files wait longer, see pace. It returns when ctx ends.
func (w watch) report(ctx context.Context) {
	s, p := w.module.site, newPace()
	for pause := reportFirst; ; pause = min(pause*2, reportPeriod) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		peak, now := w.module.usage.get()
		fmt.Fprintf(s.logs.stats, "%s memory=%d peak=%d cpu_seconds=%.2f pids=%d\n",
			time.Now().UTC().Format(time.RFC3339), now.Memory, peak, now.CPUSeconds, now.PIDs)
		s.tell.save()
		if w.outbox.claim.check(ctx) != nil {
			return
		}
		for _, d := range []folder{w.outbox.ownFiles(), w.outbox.metadata()} {
			if _, err := w.outbox.up(ctx, d, w.module, nil, w.outbox.budget(), p); err != nil && ctx.Err() == nil {
				s.tell.log.Warn().Err(err).Msg("sending the metadata dir")
			}
		}
	}
}
