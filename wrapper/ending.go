package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// An ending is the list of steps that follow a job's stages, whatever became of them. Its context outlives that of the work.
// Every step is taken: a panic in one step becomes the outcome, and the next step follows.
//
// The outcome is "internal error" until a step knows better. Until the results are in the store, the store's record says the
// worst and the store has no exit code. Nobody can then take a job for a success whose results are missing.
type ending struct {
	attempt *attempt
	save    context.Context
	failed  error // why the stages ended early, nil where they did not
	out     Outcome
	full    bool // the module left no space

	removing sync.WaitGroup // the container's removal, beside stage out
	sayFails bool           // the record could not be sent at first
	judged   Outcome        // but for what staging out and telling the store came to
	keeps    bool           // results are to be kept on the node
	kept     bool           // that was done, or failed
	saidAll  bool           // the store has the whole record, or this node keeps it
}

// A step is one thing that the ending does.
type step struct {
	name string
	do   func(*ending)
}

// steps are the ending, in order. A job that has no site on this node has one step.
func (e *ending) steps() []step {
	if e.attempt.site == nil {
		return []step{{"refuse", (*ending).refuse}}
	}
	return []step{
		{"collect", (*ending).collect},
		{"judge", (*ending).judge},
		{"settle what failed", (*ending).settleFailure},
		{"begin removal", (*ending).beginRemoval},
		{"stage out", (*ending).stageOut},
		{"settle", (*ending).settle},
		{"tell", (*ending).tell},
		{"freeze", (*ending).freeze},
		{"end removal", (*ending).endRemoval},
		{"tell again", (*ending).tellAgain},
		{"keep", (*ending).keep},
		{"give back", (*ending).giveBack},
		{"leave", (*ending).leave},
	}
}

// conclude takes all steps and gives the outcome.
func (e *ending) conclude() Outcome {
	e.out = outcomeOf(cause.Fail(cause.Internal, "please report this", "the job has not ended"))
	for _, s := range e.steps() {
		err := e.attempt.tell.guard(func() error {
			if before := e.attempt.deps.before; before != nil {
				before(s.name)
			}
			s.do(e)
			return nil
		})
		if err != nil {
			e.broke(s, err)
		}
	}
	e.removing.Wait()
	e.attempt.sweep.end(e.attempt.work)
	return e.out
}

// broke makes a panic in a step the outcome. It is a warning only where the module's own failure is the outcome already, or
// the store was told another.
func (e *ending) broke(s step, err error) {
	box := e.attempt.outbox
	if e.failed == nil {
		e.failed = err // for judge, where that is still to come
	}
	if box != nil && box.is(told) || e.out.Code != 0 && e.out.Cause != cause.Internal {
		e.attempt.tell.warn("%s: %v", s.name, err)
		return
	}
	e.out = outcomeOf(err)
	if box != nil && box.is(settled) {
		box.settle(e.out, e.attempt.module)
	}
}

// refuse tells the store how a job ended that got no site, unless another ferry runs the same job right now.
func (e *ending) refuse() {
	a := e.attempt
	e.out = outcomeOf(e.failed)
	if a.job.Dirs.InPlace && !errors.Is(e.failed, node.ErrRunning) {
		refuseInPlace(&a.job, a.tell.rec, e.out)
	}
	if a.remote == nil || errors.Is(e.failed, node.ErrRunning) {
		return
	}
	if err := a.remote.refuse(e.save, &a.job, a.tell.rec, e.out); err != nil {
		e.keepRecord(err)
		return
	}
	a.dropRecords()
}

// collect brings the files that decide the outcome to the attempt's root.
func (e *ending) collect() {
	s, m := e.attempt.site, e.attempt.module
	e.full = s.full(m == nil || m.isRoot())
	s.dropBallast()
	if m != nil {
		_ = e.attempt.outbox.moved.during(func() error { m.collectOutcome(e.save); return nil })
	}
	s.logs.check(s.tell.warn)
}

func (e *ending) judge() {
	s, m := e.attempt.site, e.attempt.module
	v := verdict{failed: e.failed, diskFull: e.full, prefix: s.job.LocalPrefix, script: s.job.Program.Exec, file: s.job.Files.ExitCode,
		memory: limits(s.job.Container.Limits, s.paths.self).Memory}
	v.code, v.own = s.exitCode()
	v.begun = s.hasExitFile()
	if m != nil {
		v.exit = m.ended()
	}
	if v.exit != nil {
		s.tell.rec.Edit(func(r *record.Record) { r.Exit = v.recorded(&m.usage) })
	}
	e.out = v.outcome(s.tell.warn)
	e.judged = e.out
}

// settleFailure makes a failure final before its logs and results go up. A success is final once they are there.
func (e *ending) settleFailure() {
	if e.out.Code != 0 {
		e.attempt.outbox.settle(e.out, e.attempt.module)
		return
	}
	e.attempt.tell.rec.Conclude(unsaved.Code, unsaved.Cause, unsaved.Err)
}

// beginRemoval starts the removal of a container that is not needed any more, beside stage out. The engine takes a tenth of a
// second for it, which is most of what is left to do.
func (e *ending) beginRemoval() {
	if !e.attempt.needsContainer() {
		e.removing.Go(e.remove)
	}
}

// endRemoval returns once the container is gone. Results that are in it only are kept before.
func (e *ending) endRemoval() {
	late := e.keeps && !e.kept && e.attempt.job.Container.Placement == job.PlaceCopy
	if e.attempt.needsContainer() && !late {
		e.remove()
	}
	e.removing.Wait()
}

func (e *ending) remove() {
	a := e.attempt
	err := a.tell.stage("clean", func() error {
		if a.module == nil || a.job.Keep {
			return nil
		}
		return a.module.remove(e.save)
	})
	if err != nil {
		a.tell.warn("removing the container: %v", err)
	}
}

func (e *ending) stageOut() {
	a := e.attempt
	if a.job.Dirs.InPlace {
		a.site.logs.restore(a.site)
		return
	}
	if err := a.tell.stage("stage-out", func() error { return a.outbox.stageOut(e.save, a.module) }); err != nil {
		if a.outbox.pending {
			err = e.toKeep(err)
		}
		e.out = e.out.after(a.tell, "staging out", err)
	}
}

// settle makes the outcome final: no more results will reach the store.
func (e *ending) settle() {
	if e.attempt.outbox.is(undecided) {
		e.attempt.outbox.settle(e.out, e.attempt.module)
	}
}

// tell tells the store how the job ended. Where the store cannot be told, a job that succeeded till then has failed.
func (e *ending) tell() {
	e.settle() // a step that broke may not have
	a := e.attempt
	err := a.outbox.send(e.save, recordTime, a.module)
	e.sayFails = err != nil
	if err != nil && e.out.Code == 0 {
		err = e.toKeep(err)
		e.out = e.out.after(a.tell, "staging out", err)
		a.outbox.settle(e.out, a.module)
	}
}

// toKeep decides that what is not in the store is kept on the node, and says where in the error and in the record.
func (e *ending) toKeep(err error) error {
	a := e.attempt
	if a.remote == nil || a.job.Keep || errors.Is(err, errNewer) {
		return err
	}
	e.keeps = true
	_, host := keptAt(a.site, a.outbox.claim.run)
	a.tell.rec.Edit(func(r *record.Record) { r.Kept = host })
	return fmt.Errorf("%w; what is not in the store is kept on the node in %s, and `ferry resume` there sends it", err, host)
}

// keep keeps what is not in the store. Where results are cut by a stop, the record has had its time before.
func (e *ending) keep() {
	if !e.keeps {
		return
	}
	a := e.attempt
	defer func() { e.kept = true; e.endRemoval() }()
	here, host := keptAt(a.site, a.outbox.claim.run)
	if err := a.outbox.keepResults(e.save, here, e.judged, a.module); err != nil {
		a.tell.log.Error().Err(err).Str("place", host).Msg("what is not in the store could not be kept on the node")
		return
	}
	a.tell.log.Error().Str("place", host).Msg("what is not in the store is kept on the node; ferry resume sends it")
}

// freeze commits and pushes after the module has ended well. Its failure is recorded and is a warning; the outcome stands.
func (e *ending) freeze() {
	a := e.attempt
	name := a.job.Freeze.Name
	if name == "" || e.out.Code != 0 || a.module == nil || a.module.pristine == nil || a.work.Err() != nil {
		return
	}
	if a.deps.Freezer == nil {
		a.tell.warn("nothing is frozen as %q: this engine makes no images", name)
		return
	}
	_ = a.tell.stage("freeze", func() error {
		r := freezeRequest(&a.job)
		r.Image = a.module.recipe.image
		done := commit.Frozen{Name: name, Outcome: commit.OutcomeFailed}
		kept := a.module.pristine
		err := kept.err
		if err == nil {
			r.Dirs = kept.frozen(a.site)
			changed := kept.changed(a.site)
			if len(changed) > 0 {
				a.tell.warn("the module has changed what is frozen, such as %q: the image has it as it was staged in", changed)
			}
			done, err = a.deps.Freezer.Freeze(a.work, r)
			done.Changed = changed
		} else {
			done.Error = err.Error()
		}
		a.tell.rec.Edit(func(r *record.Record) { r.Freeze = &done })
		if err != nil {
			a.tell.warn("freezing as %q: %v", name, err)
		}
		return err
	})
}

// tellAgain brings the record in the store up to date. One that cannot be sent stays on the node.
func (e *ending) tellAgain() {
	a := e.attempt
	a.tell.rec.End()
	defer func() { e.saidAll = true }()
	limit := recordTime
	if e.sayFails {
		limit = recordAgain
	}
	if err := a.outbox.send(e.save, limit, a.module); err != nil {
		e.keepRecord(err)
		return
	}
	a.dropRecords()
	if e.out.Code == 0 && a.remote != nil {
		node.DropKept(a.job.LocalPrefix, a.job.Identity.ID, a.job.Identity.Attempt)
		ctx, cancel := context.WithTimeout(a.work, sweepLast)
		defer cancel()
		_ = node.EmptyTrash(ctx, a.job.LocalPrefix) // the next ferry deletes what is left
	}
}

// keepRecord keeps the record on the node that the store does not have. Where a newer attempt runs, that one's counts.
func (e *ending) keepRecord(why error) {
	if errors.Is(why, errNewer) {
		e.attempt.tell.log.Warn().Err(why).Msg("nothing more of this attempt is sent")
		return
	}
	e.attempt.tell.keepRecord(&e.attempt.job, why)
}

// giveBack gives the directories of a job in place back to whoever asked for it.
func (e *ending) giveBack() {
	if own := e.attempt.site.inPlace; own != nil {
		own.giveBack()
	}
}

// leave removes the site. A record that the store does not have whole stays on the node.
func (e *ending) leave() {
	if !e.saidAll {
		e.attempt.tell.keepRecord(&e.attempt.job, e.failed)
	}
	asRoot := func() error { return fs.ErrPermission }
	if m := e.attempt.module; m != nil {
		asRoot = m.removeAsRoot
	}
	e.removing.Wait() // it was waited for, unless that step broke
	if err := e.attempt.site.remove(asRoot, e.attempt.leavesContainer()); err != nil {
		e.attempt.tell.log.Warn().Err(err).Msg("local files are left")
	}
}
