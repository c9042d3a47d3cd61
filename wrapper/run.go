package wrapper

import (
	"context"
	"sync"

	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// An attempt is one run of a job. Its last fields are what its stages made. They are nil where the attempt did not come so
// far. They are for the ending: a stage gets what it needs as arguments, and reads none of them.
type attempt struct {
	job  job.Job
	deps Deps
	tell *teller
	work context.Context
	stop context.CancelCauseFunc // ends work

	sweep  *sweeping
	remote *remote
	site   *site
	outbox *outbox
	module *module
	volume *volume // of a job in three containers, else nil
}

// Run takes the job through its life:
//
//  1. prepare: the engine answers, this attempt's root and directories, run.json, which the store gets at once
//  2. choose the image: a frozen one where there is one and it is preferred
//  3. stage in, and pull the image and make the module's container at the same time
//  4. launch the module
//  5. wait for its end: walltime, signals, statistics, metadata dir every 30 s
//
// and, whatever became of these, to its end:
//
//  6. collect what the module left, and judge what the outcome is
//  7. stage out what is new or changed; beside it the container is removed, unless something in it is still needed
//  8. tell the store: the record, the exit code, the last of the logs
//  9. freeze, where asked: commit what the module needs and push it
//  10. remove a container that was needed until then
//  11. tell the store again: the record now says all of that
//  12. leave: remove this attempt's directories
//
// work is cancelled to stop the job. save lives longer: it is cancelled when no time is left to stage out either. Steps 6 to 12
// are in a defer: every path ends there, panics included. Run is called once for a job; several jobs may run at the same time.
func Run(work, save context.Context, j job.Job, deps Deps) (out Outcome) {
	save, giveUp := context.WithCancelCause(save)
	defer giveUp(nil)
	work, stop := context.WithCancelCause(work)
	defer stop(nil)
	a := &attempt{job: j, deps: deps, work: work, tell: newTeller(record.New(j, deps.Version), deps.Log)}
	a.stop = stop
	end := &ending{attempt: a, save: save}
	defer func() {
		if p := recover(); p != nil {
			end.failed = a.tell.bug(p)
		}
		out = end.conclude()
	}()
	end.failed = a.live(save, func() { go deps.waits().watch(save, &a.outbox.moved, giveUp) })
	return out
}

// live is steps 1 to 5, which a cancelled work interrupts. atWalltime is called where ferry itself ends the module.
func (a *attempt) live(save context.Context, atWalltime func()) error {
	if err := a.tell.stage("prepare", a.prepare); err != nil {
		return err
	}
	go func() { _ = a.tell.guard(a.askNode) }()
	a.sweep = sweepBeside(a.work, a.site, a.deps)
	from, err := a.chooseImage(a.work, a.site)
	if err != nil {
		return err
	}
	if a.module, err = a.gather(a.outbox, from); err != nil {
		return err
	}
	m := a.module
	if err := a.tell.stage("launch", func() error { return m.launch(a.work, a.deps.Stdout, a.deps.Stderr) }); err != nil {
		m.halt(save) // the engine may have started it all the same
		return err
	}
	if a.deps.Launched != nil {
		a.deps.Launched()
	}
	w := watch{module: m, outbox: a.outbox, save: save, atWalltime: atWalltime}
	return a.tell.stage("module", func() error { return w.wait(a.work) })
}

// askNode puts into the record what this node is. An answer that comes after the job's end is not waited for.
func (a *attempt) askNode() error {
	if a.deps.Node == nil {
		return nil
	}
	n, err := a.deps.Node(a.work)
	if err != nil {
		a.deps.Log.Debug().Err(err).Msg("what this node is, is not known")
	}
	if n != (record.Node{}) {
		a.tell.rec.Edit(func(r *record.Record) { r.Node = &n })
	}
	return nil
}

// prepare opens the remote root and makes the site.
func (a *attempt) prepare() (err error) {
	if !a.job.Dirs.InPlace {
		if a.remote, err = openRemote(a.work, a.deps.Open, &a.job); err != nil {
			return err
		}
	}
	make := prepare
	if a.volume != nil {
		make = a.volume.prepare
	}
	s, err := make(a.work, a.job, a.deps, a.tell)
	if err != nil {
		return err
	}
	a.site, a.outbox = s, newOutbox(s, a.remote, a.deps.Transfer)
	if a.remote == nil {
		return nil
	}
	if err := a.outbox.remember(a.work, a.outbox.ownFiles()); err != nil {
		return err
	}
	a.outbox.claim.onLost = a.stop
	return a.outbox.claim.announce(a.work, a.job.Files.ExitCode)
}

// gather stages in and pulls the image at the same time. The first failure stops the other. Beside an error it gives the module
// where its container was made.
func (a *attempt) gather(box *outbox, from supply) (*module, error) {
	s := box.site
	ctx, stop := context.WithCancelCause(a.work)
	defer stop(nil)
	var wg sync.WaitGroup
	var first error
	var once sync.Once
	run := func(name string, f func() error) {
		wg.Go(func() {
			if err := a.tell.stage(name, f); err != nil {
				once.Do(func() { first = err; stop(err) })
			}
		})
	}
	if s.job.Dirs.InPlace {
		return a.pullAlone(ctx, s, from)
	}
	in := newStageIn(&a.deps, box, from)
	var m *module
	run("pull", func() (err error) { m, err = a.pull(ctx, s, from, in.types.ready); return err })
	run("stage-in", func() error { return in.run(ctx) })
	wg.Wait()
	return m, first
}

// pullAlone is gather for a job in place, which has nothing to stage in.
func (a *attempt) pullAlone(ctx context.Context, s *site, from supply) (m *module, err error) {
	known := make(chan struct{})
	close(known)
	err = a.tell.stage("pull", func() (err error) { m, err = a.pull(ctx, s, from, known); return err })
	return m, err
}

// needsContainer reports whether the container is needed after the module's end: something is in it only, or it is kept.
func (a *attempt) needsContainer() bool {
	return a.job.Keep || a.job.Container.Placement == job.PlaceCopy || a.job.Freeze.Name != ""
}

// dropRecords removes the records that this attempt and earlier ones could not send and left on the node.
func (a *attempt) dropRecords() {
	node.DropRecords(a.job.LocalPrefix, a.job.Identity.ID, a.job.Identity.Attempt)
}

// Refuse tells the store why a job never began, for those who wait for it. It writes run.json, exit_code.txt and a line in
// stderr.txt of the job's metadata dir. j is what its settings tell in spite of their mistakes, see job.Vocabulary.Glimpse.
func Refuse(ctx context.Context, j job.Job, err error, deps Deps) Outcome {
	out := outcomeOf(err)
	if j.Dirs.InPlace {
		refuseInPlace(&j, record.New(j, deps.Version), out)
		return out
	}
	if r, e := openRemote(ctx, deps.Open, &j); e == nil {
		_ = r.refuse(ctx, &j, record.New(j, deps.Version), out) // the process's error says the same
	}
	return out
}
