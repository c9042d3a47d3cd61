package wrapper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/platform"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/record"
)

// ExecWait is how long StageOut waits for the module's container to begin: an image of many gigabytes is pulled and unpacked meanwhile.
const ExecWait = 30 * time.Minute

// execStopTime is how long StageOut waits for the end of a module that is to stop: `ferry exec` sends TERM and then KILL.
const execStopTime = 2*stopTime + stopPause

// StageOut is the last of a job's three containers. It waits for the end of the others, however they end, and does what Run does then.
// begin bounds how long the module's container may take to begin; where it has ended before StageOut begins, that is 0.
func StageOut(work, save context.Context, j job.Job, deps Deps, begin time.Duration) Outcome {
	work, stop := context.WithCancelCause(work)
	defer stop(nil)
	a := &attempt{job: j, deps: deps, work: work, tell: newTeller(record.New(j, deps.Version), deps.Log), stop: stop}
	var out Outcome
	err := a.tell.guard(func() (err error) { out, err = a.finish(save, begin); return err })
	if a.volume != nil {
		a.volume.close()
	}
	if err != nil {
		return outcomeOf(err)
	}
	return out
}

// finish ends the job. An error means that nothing more could be done: the store was not told, and the volume is as it was.
func (a *attempt) finish(save context.Context, begin time.Duration) (out Outcome, err error) {
	if err := relayable(&a.job); err != nil {
		return out, err
	}
	v, err := openVolume(save, a.job.LocalPrefix, a.job.Identity.ID, true)
	if err != nil {
		return out, err
	}
	a.volume = v
	b, sum, err := v.sealed()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return out, cause.Fail(cause.Usage, "`ferry stage-in` comes first, with the same options", "nothing was staged in on the volume %s", v.dir)
	case err == nil && b.Job != a.job.Identity.ID:
		return out, v.taken(a.job.Identity.ID)
	}
	var came arrival
	if err == nil && b.Staged && b.Failed == nil {
		came = a.await(save, begin)
	}
	if a.remote, err = openRemote(save, a.deps.Open, &a.job); err != nil {
		return out, err
	}
	there, err := a.known(save)
	if err != nil && !errors.Is(err, store.ErrNotExist) && !errors.Is(err, errNoRecord) {
		a.deps.Log.Error().Err(err).Msg("the store does not say what was staged in: all stays on the volume, and `ferry stage-out` again sends it")
		if came.Exit != nil && came.Exit.Code != 0 {
			return Outcome{Code: came.Exit.Code}, nil
		}
		return out, cause.Name(save, cause.StageOut, "run `ferry stage-out` again", fmt.Errorf("asking for the record: %w", err))
	}
	if there.Run == b.Run && there.State == record.StateDone {
		return Outcome{Code: there.ExitCode, Cause: there.Cause, Err: recordedError(there)}, v.clear()
	}
	if there.Seal != "" && there.Run != b.Run {
		return out, a.stranger(there.Subject)
	}
	end := &ending{attempt: a, save: save}
	a.tell.rec.Edit(func(r *record.Record) {
		if there.Run == b.Run && b.Run != "" {
			r.Run = b.Run
		}
	})
	switch {
	case there.Seal == "": // no module has run: what is on the volume is ferry's own
		end.failed = b.Failed.err()
		if end.failed == nil {
			end.failed = cause.Fail(cause.Interrupted, "the job is safe to try again", "stage-in was ended before it was done")
		}
	case there.Seal != sum:
		end.failed = forged(errForged)
	default:
		if end.failed = a.reopen(&b, sum); end.failed == nil {
			end.failed = a.judgeArrival(&b, came)
		}
	}
	out = end.conclude()
	return out, v.clear()
}

// known is the store's record. A store that does not answer did when the job was staged in, so it is asked again for as long as
// results would be waited for.
func (a *attempt) known(save context.Context) (record.Record, error) {
	key := a.remote.key(path.Join(a.job.Dirs.Metadata, record.FileName))
	since := time.Now()
	for pause := askAgainFirst; ; pause = min(2*pause, askAgain) {
		there, err := a.remote.record(save, key)
		if err == nil || errors.Is(err, store.ErrNotExist) || errors.Is(err, errNoRecord) || time.Since(since) > recordTime {
			return there, err
		}
		a.deps.Log.Warn().Err(err).Msg("the store does not say what was staged in; it is asked again")
		select {
		case <-save.Done():
			return there, err
		case <-time.After(pause):
		}
	}
}

// Pauses between two questions for the record: the first, and the longest.
const (
	askAgainFirst = time.Second
	askAgain      = 20 * time.Second
)

// recordedError is why a job ended, by its record.
func recordedError(r record.Record) error {
	if r.Error == "" {
		return nil
	}
	return (&failure{Cause: r.Cause, Message: r.Error, Hint: r.Hint}).err()
}

// stranger is the error of a volume whose run is not the one that the store knows. Nothing is sent.
func (a *attempt) stranger(there record.Subject) error {
	if there.Attempt > a.job.Identity.Attempt {
		return newerError(there, a.job.Identity.Attempt)
	}
	return cause.Fail(cause.Refused, "", "nothing of this volume is sent: another run of this job has begun, or the module has changed what stage-in left")
}

func forged(err error) error {
	return cause.Fail(cause.Refused, "mount "+platform.RelayDir+" read-only for the module", "nothing of the module's is sent: the volume has what is %w", err)
}

// sealed reads the baton, and gives the seal that it has now.
func (v *volume) sealed() (b baton, sum string, err error) {
	data, err := v.read(path.Join(platform.RelayDir, relayBaton), batonMax)
	if err != nil {
		return b, "", err
	}
	return b, digest(data), json.Unmarshal(data, &b)
}

// An arrival is what StageOut has seen of the module.
type arrival struct {
	finish
	began  bool // its container did
	killed bool // that ended without a word
	cut    bool // it still ran when the time was over
	limit  time.Duration
}

// await waits for the end of `ferry exec`, which holds a lock until then. Once the job is told to stop, so is the module, and it is
// waited for a little.
func (a *attempt) await(save context.Context, begin time.Duration) arrival {
	came := arrival{limit: begin}
	a.deps.Log.Info().Msg("waiting for the module's end")
	ctx, cancel := context.WithCancel(save)
	defer cancel()
	defer context.AfterFunc(a.work, func() {
		if err := a.volume.write(path.Join(platform.RelayDir, relayStop), nil, 0o644); err != nil {
			a.deps.Log.Warn().Err(err).Msg("stopping the module")
		}
		time.AfterFunc(execStopTime, cancel)
	})()
	f := a.appears(ctx, begin)
	if f == nil {
		return came
	}
	defer func() { _ = f.Close() }() // nothing was written
	came.began = true
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := flock(f, syscall.LOCK_SH); err != nil {
			a.deps.Log.Warn().Err(err).Msg("waiting for the module's container")
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		came.cut = true
		return came
	}
	var err error
	if came.finish, err = finishOn(a.volume); err != nil {
		came.killed = true
		a.deps.Log.Warn().Err(err).Msg("the module's container ended without a word")
	}
	return came
}

// appears waits for the lock of `ferry exec`; nil where it does not come in time, or the job was told to stop before.
func (a *attempt) appears(ctx context.Context, begin time.Duration) *os.File {
	since := time.Now()
	for {
		if f, err := a.volume.openExecLock(); err == nil {
			return f
		}
		waited := time.Since(since)
		if waited >= begin || a.work.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(max(waited/50, 5*time.Millisecond), time.Second, begin-waited)): // two in a hundred late at most
		}
	}
}

// judgeArrival makes the module what is known of it, and says why it did not end by itself. `ferry exec` is not believed that the job
// is to be tried again, unless this process was told to stop, too: whether it is, is not the module's to say.
func (a *attempt) judgeArrival(b *baton, came arrival) error {
	if err := b.Failed.err(); err != nil {
		return err
	}
	stopped := cause.Stopped(a.work, a.work.Err())
	switch {
	case !came.began && a.work.Err() != nil, came.cut:
		return stopped
	case !came.began:
		return cause.Fail(cause.Launch, "does its image exist, and is the volume mounted there?", "the module's container did not begin within %v", came.limit)
	case came.killed:
		now := time.Now().UTC()
		came.Exit = &engine.Exit{Code: 128 + int(syscall.SIGKILL), Started: now, Finished: now}
	}
	a.adopt(came.finish)
	err := came.Failed.err()
	if !came.killed && (err == nil || !came.Failed.Cause.Again()) {
		return err
	}
	select { // a platform that stops a job stops all its containers
	case <-a.work.Done():
		return cause.Stopped(a.work, a.work.Err())
	case <-time.After(killerTime):
	}
	switch {
	case came.killed:
		a.tell.warn("the module's container was killed before ferry there could say how the module ended; if for memory, give it more --memory")
	case came.Exit == nil:
		return cause.Fail(cause.Launch, "", "the module did not run: %w", err)
	default:
		a.tell.warn("the module's container was told to stop, and nobody told this one: %v", err)
	}
	return nil
}

// adopt puts into the attempt what `ferry exec` says of the module.
func (a *attempt) adopt(f finish) {
	for _, w := range f.Warnings[:min(len(f.Warnings), maxExecWarnings)] {
		a.tell.warn("%s", w)
	}
	a.tell.rec.Edit(func(r *record.Record) {
		for _, s := range f.Stages {
			if s != nil && (s.Name == "launch" || s.Name == "module") && len(r.Stages) < maxRelayStages {
				r.Stages = append(r.Stages, s)
			}
		}
		r.Command, r.Limits = f.Command, a.site.enforces.Held(limits(a.job.Container.Limits, nil))
	})
	if f.Exit == nil {
		return
	}
	exit := *f.Exit
	exit.Code &= 0xff
	m := &module{site: a.site, engine: a.deps.Engine, container: elsewhere{}, placement: mountPlacement{}, collected: map[string]bool{}, exit: &exit,
		recipe: recipe{job: &a.site.job, paths: a.site.paths, from: supply{job: &a.site.job}, image: engine.Image{Ref: a.job.Container.Image}}}
	m.usage.add(f.Last)
	m.usage.add(engine.Stats{Memory: f.Last.Memory, MemoryPeak: f.Peak, CPUSeconds: f.Last.CPUSeconds, PIDs: f.Last.PIDs})
	a.module = m
}

// maxRelayStages bounds the stages of a record: the module writes those of its own container.
const maxRelayStages = 16

// reopen makes the site and the outbox what they were when stage-in ended. The folder of ferry's own files is made anew: the module may
// have written it.
func (a *attempt) reopen(b *baton, sum string) error {
	v := a.volume
	rec, err := record.Resume(b.Record)
	if err != nil {
		return forged(err)
	}
	rec.Edit(func(r *record.Record) { r.Seal = sum }) // until the end, so that stage-out can begin again
	snaps, err := snapshotsOf(v, b)
	var log []byte
	if err == nil {
		log, err = b.part(v, b.Log)
	}
	if err != nil {
		return forged(err)
	}
	info, err := a.deps.Engine.Info(a.work)
	if err != nil {
		return cause.Name(a.work, cause.Engine, "", err)
	}
	s := &site{job: a.job, tell: a.tell, paths: v.paths(), enforces: info.Enforces, volume: v}
	if s.root, err = v.openDir(platform.JobDir); err != nil {
		return forged(err)
	}
	err = errors.Join(rmtree.Below(s.root, ownDir), s.root.MkdirAll(ownMetadata, 0o700))
	if err == nil {
		err = s.root.WriteFile(inRoot(s.own(record.TransferName)), log, 0o644)
	}
	if err == nil {
		adoptFiles(v, s)
		s.logs, err = openLogs(s, 0)
	}
	if err != nil {
		_ = s.root.Close()
		return cause.Name(a.work, cause.StageOut, "", fmt.Errorf("opening the job on the volume: %w", err))
	}
	a.tell.rec = rec
	_ = keepRecord(s) // where it cannot be written, it is sent from memory
	a.site, a.outbox = s, newOutbox(s, a.remote, a.deps.Transfer)
	a.outbox.snaps = snaps
	a.outbox.claim.resume(b.Before, a.stop)
	return nil
}

// openDir opens a directory of the volume that is no link.
func (v *volume) openDir(name string) (*os.Root, error) {
	if st, err := v.root.Lstat(name); err != nil || !st.IsDir() {
		return nil, errors.Join(err, fmt.Errorf("%w: %s", errForged, name))
	}
	return v.root.OpenRoot(name)
}

// adoptFiles takes ferry's own files of the metadata dir from where `ferry exec` wrote them.
func adoptFiles(v *volume, s *site) {
	from, err := v.openDir(platform.ExecDir)
	if err != nil {
		return // no container of the module's has begun
	}
	defer func() { _ = from.Close() }() // nothing was written
	to, err := s.root.OpenRoot(ownMetadata)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	for _, n := range []string{record.OutName, record.ErrName, record.StatsName, record.ContainerName} {
		if _, err := link(spotted{from, path.Join(ownMetadata, n)}, to, n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.tell.warn("reading %s: %v", n, err)
		}
	}
}
