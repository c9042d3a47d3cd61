package wrapper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/platform"
	"github.com/genepattern/ferry/wrapper/record"
)

// StageIn is the first of a job's three containers. It does what Run does before the module is launched, on a volume of the job's own
// at Job.LocalPrefix, and leaves there what Exec and StageOut need. Deps.Engine is a platform.Platform. The outcome is what StageOut will tell
// the store, unless the job has no place on the volume: then StageIn has told it.
func StageIn(work, save context.Context, j job.Job, deps Deps) (out Outcome) {
	work, stop := context.WithCancelCause(work)
	defer stop(nil)
	a := &attempt{job: j, deps: deps, work: work, tell: newTeller(record.New(j, deps.Version), deps.Log), stop: stop}
	failed := a.tell.guard(a.bring)
	if a.volume != nil {
		defer a.volume.close()
	}
	if a.site == nil {
		out := (&ending{attempt: a, save: save, failed: failed}).conclude()
		if a.volume != nil && !errors.Is(failed, errTaken) {
			leave(a, failed)
			out.Passed = true
		}
		return out
	}
	if err := a.tell.guard(func() error { return a.pass(save, failed) }); err != nil && failed == nil {
		failed = cause.Name(save, cause.StageIn, "", fmt.Errorf("leaving what stage-out needs: %w", err))
		leave(a, failed)
	}
	a.site.logs.close()
	_ = a.site.root.Close()
	if failed == nil {
		return Outcome{}
	}
	out = outcomeOf(failed)
	out.Passed = true
	return out
}

// bring is all up to the module's launch.
func (a *attempt) bring() (err error) {
	if err := relayable(&a.job); err != nil {
		return err
	}
	if a.volume, err = openVolume(a.work, a.job.LocalPrefix, a.job.Identity.ID, false); err != nil {
		if a.remote, _ = openRemote(a.work, a.deps.Open, &a.job); a.remote == nil {
			a.deps.Log.Debug().Msg("nobody can be told")
		}
		return err
	}
	if err := a.tell.stage("prepare", a.prepare); err != nil {
		return err
	}
	go func() { _ = a.tell.guard(a.askNode) }()
	return a.tell.stage("stage-in", func() error {
		if err := newStageIn(&a.deps, a.outbox, supply{job: &a.site.job}).run(a.work); err != nil {
			return err
		}
		return cause.Name(a.work, cause.Internal, "", openToModule(a.site))
	})
}

// relayable refuses what needs an engine's socket. The error has the cause Usage.
func relayable(j *job.Job) error {
	for _, o := range []struct {
		option string
		given  bool
	}{
		{"--in-place", j.Dirs.InPlace}, {"--freeze", j.Freeze.Name != ""}, {"--frozen prefer", j.Freeze.Frozen == job.FrozenPrefer},
		{"--stage copy", j.Container.Placement == job.PlaceCopy}, {"--keep", j.Keep}, {"--volume", j.Container.Volume != ""}, {"--user caller", j.Container.User == job.UserCaller},
	} {
		if o.given {
			return cause.Fail(cause.Usage, "use `ferry run`", "%s is not for a job in three containers", o.option)
		}
	}
	return nil
}

// prepare makes the site on the volume.
func (v *volume) prepare(ctx context.Context, j job.Job, deps Deps, tell *teller) (*site, error) {
	info, err := deps.Engine.Info(ctx)
	if err != nil {
		return nil, cause.Name(ctx, cause.Engine, "", err)
	}
	tell.rec.Edit(func(r *record.Record) { r.Engine = info })
	warnings, err := engine.Check(info, wanted(&j))
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		tell.warn("%s", w)
	}
	if err := v.vacate(&j); err != nil {
		return nil, cause.Name(ctx, cause.Usage, "", err)
	}
	b := baton{Job: j.Identity.ID, Attempt: j.Identity.Attempt}
	tell.rec.Edit(func(r *record.Record) { b.Run = r.Run })
	_, err = b.seal(v) // from now on the volume is this job's
	if err == nil {
		err = install(v)
	}
	if err == nil {
		err = makeExecDir(v)
	}
	if err != nil {
		return nil, cause.Name(ctx, cause.Usage, "", fmt.Errorf("preparing the volume: %w", err))
	}
	s := &site{job: j, tell: tell, paths: v.paths(), enforces: info.Enforces, volume: v}
	return s, furnish(s, 0o755, nil)
}

func (v *volume) paths() rootPaths {
	return rootPaths{dir: v.path(platform.JobDir), host: v.path(platform.JobDir)}
}

// makeExecDir makes the folder of `ferry exec`, which runs as whoever the module's image says.
func makeExecDir(v *volume) error {
	err := v.root.Mkdir(platform.ExecDir, 0o777)
	if err == nil {
		err = v.root.Chmod(platform.ExecDir, 0o777)
	}
	return err
}

// openToModule lets the module's user write the job's directories. Only who --user names is known here: nobody has seen the image. Any
// other user may write what is directly in the directories that the module is to write.
func openToModule(s *site) error {
	if s.job.Container.User != job.UserImage {
		who, ok := ownerOf(s.job.Container.User)
		if !ok {
			return cause.Fail(cause.Usage, "give --user uid:gid", "--user %s: nobody here knows whom that means", s.job.Container.User)
		}
		for _, d := range s.job.Rooted() {
			if err := give(s.root, inRoot(d), who, os.Geteuid() == 0); err != nil {
				return fmt.Errorf("giving %s to the module's user: %w", d, err)
			}
		}
		return nil
	}
	for _, d := range s.job.Rooted() {
		if !s.job.Writable(d) && !slices.ContainsFunc(s.job.Dirs.Mounts, func(m job.Mount) bool { return m.Path == d }) {
			continue
		}
		st, err := s.root.Stat(inRoot(d))
		if err == nil && st.IsDir() {
			err = s.root.Chmod(inRoot(d), st.Mode().Perm()|0o777)
		}
		if err != nil {
			return fmt.Errorf("opening %s to the module's user: %w", d, err)
		}
	}
	return nil
}

// pass leaves what the others need.
func (a *attempt) pass(save context.Context, failed error) error {
	ctx, cancel := lastly(save, recordTime)
	defer cancel()
	if err := hand(ctx, a.volume, a, failed); err != nil {
		return err
	}
	return giveOrders(a.volume, ordersOf(a.job, failed))
}

// leave says on the volume that nothing is to run. What cannot be said there, its absence says.
func leave(a *attempt, failed error) {
	v := a.volume
	b := baton{Job: a.job.Identity.ID, Attempt: a.job.Identity.Attempt, Staged: true, Failed: failureOf(failed)}
	a.tell.rec.Edit(func(r *record.Record) { b.Run = r.Run })
	_, err := b.seal(v)
	if _, e := v.root.Lstat(platform.RelayDir + "/" + relayFerry); e != nil {
		err = errors.Join(err, install(v))
	}
	if _, e := v.root.Lstat(platform.ExecDir); e != nil {
		err = errors.Join(err, makeExecDir(v))
	}
	if err = errors.Join(err, giveOrders(v, ordersOf(a.job, failed))); err != nil {
		a.tell.log.Warn().Err(err).Msg("leaving on the volume that nothing is to run")
	}
}
