package wrapper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/platform"
	"github.com/genepattern/ferry/wrapper/record"
)

// ExecDeps are what Exec is run with.
type ExecDeps struct {
	Run     Deps             // of which Engine, Log, Stdout, Stderr, Version and Launched count
	Forward <-chan os.Signal // signals for the module; nil for none
	Command []string         // runs in place of the job's script; nil for the script
}

// Exec is the second of a job's three containers, the module's own. It launches the module and sees it to its end, as Run does, and
// leaves on the volume how it ended. dir is the volume. It needs nothing of the image but what the job's script needs.
func Exec(work, save context.Context, dir string, deps ExecDeps) Outcome {
	x, err := beginExec(dir)
	if err != nil {
		return outcomeOf(err)
	}
	defer x.volume.close()
	return x.run(work, save, deps)
}

// Ordered is the job that Exec will run on the volume at dir, as far as it concerns the module.
func Ordered(dir string) (job.Job, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return job.Job{}, err
	}
	defer func() { _ = root.Close() }() // nothing was written
	o, err := ordersOn(&volume{dir: dir, root: root})
	return o.Job, err
}

// An execution is one run of a module in its own container.
type execution struct {
	volume *volume
	lock   *os.File
	end    finish
}

// beginExec opens the volume and takes the lock by which stage-out knows that the module's container lives. A second run of the same
// job's module is refused.
func beginExec(dir string) (*execution, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, cause.Fail(cause.Launch, "mount the volume here, too", "the volume: %w", err)
	}
	v := &volume{dir: dir, root: root}
	name := path.Join(platform.ExecDir, execLock)
	if _, err := root.Lstat(name); err == nil {
		v.close()
		return nil, cause.Fail(cause.Refused, "run `ferry stage-in` again", "the module of this volume's job was run before")
	}
	x := &execution{volume: v}
	if err := x.take(name); err != nil {
		v.close()
		return nil, cause.Fail(cause.Launch, "was the volume staged in, and may this image's user write to "+v.path(platform.ExecDir)+"?", "beginning: %w", err)
	}
	return x, nil
}

// take makes the lock's file appear with the lock on it: stage-out must not find it free before.
func (x *execution) take(name string) (err error) {
	tmp := name + ".part"
	if x.lock, err = x.volume.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644); err != nil {
		return err
	}
	if err = flock(x.lock, syscall.LOCK_EX); err == nil {
		err = x.volume.root.Rename(tmp, name)
	}
	return err
}

// run says how the module ended whatever comes, with "internal error" until something better is known.
func (x *execution) run(work, save context.Context, deps ExecDeps) (out Outcome) {
	x.end.Failed = failureOf(cause.Fail(cause.Internal, "please report this", "ferry exec has not ended"))
	defer func() {
		if err := x.say(); err != nil {
			deps.Run.Log.Error().Err(err).Msg("saying how the module ended")
		}
		_ = x.lock.Close() // from here on stage-out goes on
	}()
	o, err := ordersOn(x.volume)
	if err != nil {
		err = cause.Name(work, cause.Launch, "", fmt.Errorf("reading the orders: %w", err))
	} else if err = o.Not.err(); err != nil {
		err = cause.Fail(cause.Of(err), cause.HintOf(err), "nothing is run: %w", err)
	}
	if err != nil {
		x.end.Failed = failureOf(err)
		return outcomeOf(err)
	}
	j := o.Job
	if len(deps.Command) > 0 {
		j.Program.Command, j.Program.Launch = deps.Command, ""
	}
	return x.live(work, save, inContainer(j), deps)
}

// inContainer is the job as it is in the module's container: what it needs is there, and so nothing is transferred.
func inContainer(j job.Job) job.Job {
	j.Dirs.InPlace, j.Dirs.Mounts = true, slices.Clone(j.Dirs.Mounts)
	j.Container.Engine, j.Container.User = job.EngineProcess, job.UserImage
	return j
}

func (x *execution) live(work, save context.Context, j job.Job, deps ExecDeps) Outcome {
	work, stop := context.WithCancelCause(work)
	defer stop(nil)
	a := &attempt{job: j, deps: deps.Run, work: work, tell: newTeller(record.New(j, deps.Run.Version), deps.Run.Log), stop: stop}
	failed := a.tell.guard(func() error { return x.module(a, save, deps) })
	x.end.Failed = failureOf(failed)
	a.tell.rec.Edit(func(r *record.Record) {
		x.end.Stages, x.end.Warnings, x.end.Command, x.end.Limits = r.Stages, r.Warnings[:min(len(r.Warnings), maxExecWarnings)], r.Command, r.Limits
	})
	if a.site == nil || a.module == nil {
		return outcomeOf(failed)
	}
	x.end.Exit = a.module.ended()
	x.end.Peak, x.end.Last = a.module.usage.get()
	x.end.Peak = max(x.end.Peak, peakOfContainer())
	v := verdict{failed: failed, exit: x.end.Exit, script: j.Program.Exec, file: j.Files.ExitCode, memory: j.Container.Limits.Memory}
	v.code, v.own = a.site.exitCode()
	v.begun = a.site.hasExitFile()
	return v.outcome(a.tell.warn)
}

// maxExecWarnings bounds the warnings that are passed on.
const maxExecWarnings = 100

// module makes the module and sees it to its end.
func (x *execution) module(a *attempt, save context.Context, deps ExecDeps) (err error) {
	if a.site, err = x.prepare(a); err != nil {
		return err
	}
	defer a.site.inPlace.close()
	known := make(chan struct{})
	close(known)
	err = a.tell.stage("pull", func() (err error) {
		a.module, err = a.pull(a.work, a.site, supply{job: &a.site.job}, known)
		return err
	})
	if m := a.module; m != nil {
		// The links stay: what the module's results link to is looked for by stage-out elsewhere, and the container ends anyway.
		defer func() { a.site.logs.close() }()
	}
	if err != nil {
		return err
	}
	m := a.module
	if err := a.tell.stage("launch", func() error { return m.launch(a.work, a.deps.Stdout, a.deps.Stderr) }); err != nil {
		m.halt(save)
		return err
	}
	if a.deps.Launched != nil {
		a.deps.Launched()
	}
	ctx, done := context.WithCancel(a.work)
	defer done()
	go x.heed(ctx, a.stop)
	go forward(ctx, deps.Forward, m.container)
	w := watch{module: m, outbox: newOutbox(a.site, nil, nil), save: save, atWalltime: func() {}}
	return a.tell.stage("module", func() error { return w.wait(a.work) })
}

// prepare makes the site of the module's container. Its root is the folder of `ferry exec` on the volume, and the job's directories are
// where the platform mounted them, or else on the volume.
func (x *execution) prepare(a *attempt) (*site, error) {
	info, err := a.deps.Engine.Info(a.work)
	if err != nil {
		return nil, cause.Name(a.work, cause.Engine, "", err)
	}
	s := &site{job: a.job, tell: a.tell, enforces: info.Enforces, volume: x.volume}
	s.paths = rootPaths{dir: x.volume.path(platform.ExecDir), host: x.volume.path(platform.ExecDir)}
	if s.paths.real, err = x.places(&s.job); err != nil {
		return nil, err
	}
	if s.root, err = x.volume.root.OpenRoot(platform.ExecDir); err != nil {
		return nil, cause.Name(a.work, cause.Launch, "", err)
	}
	if err := s.root.MkdirAll(ownMetadata, 0o755); err != nil {
		return nil, cause.Name(a.work, cause.Launch, "", err)
	}
	if err := openInPlace(s); err != nil {
		return nil, err
	}
	s.logs, err = openLogs(s, os.O_EXCL)
	return s, cause.Name(a.work, cause.Launch, "", err)
}

// places are where the job's directories are in this container.
func (x *execution) places(j *job.Job) ([]place, error) {
	all := placesOf(j)
	for _, m := range j.Dirs.Mounts { // what is not the node's
		if m.Host == "" && !slices.ContainsFunc(all, func(p place) bool { return p.path == m.Path && p.here != "" }) {
			all = slices.DeleteFunc(all, func(p place) bool { return p.path == m.Path })
			all = append(all, place{option: "--mount", path: m.Path, here: m.Path, write: true})
		}
	}
	whole := x.volume.path(platform.JobDir)
	_, err := os.Lstat(whole)
	parts := errors.Is(err, fs.ErrNotExist) // the platform mounts parts of the volume where the module looks for them
	var missing []string
	for i := range all {
		p := &all[i]
		node := slices.ContainsFunc(j.Dirs.Mounts, func(m job.Mount) bool { return m.Host != "" && m.Path == p.path })
		p.here = p.path
		if !parts && !node {
			p.here = filepath.Join(whole, p.path)
		}
		if _, err := os.Stat(p.here); err != nil {
			missing = append(missing, fmt.Sprintf("%s %s", p.option, p.here))
		}
		p.host = p.here
	}
	if len(missing) > 0 {
		return nil, cause.Fail(cause.Launch, "mount the parts of the volume where the job looks for them, or the whole volume at "+x.volume.dir, "not in this container: %v", missing)
	}
	slices.SortStableFunc(all, func(a, b place) int { return len(a.path) - len(b.path) })
	return all, nil
}

// say writes how the module ended.
func (x *execution) say() error {
	data, err := json.Marshal(x.end)
	if err != nil {
		return err
	}
	return x.volume.write(path.Join(platform.ExecDir, execEnd), data, 0o644)
}

// stopPause is between two looks whether stage-out was told to stop.
const stopPause = 250 * time.Millisecond

// heed stops the module where stage-out was told to stop: whoever stops that container may not know of this one.
func (x *execution) heed(ctx context.Context, stop context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(stopPause):
		}
		if _, err := x.volume.root.Lstat(path.Join(platform.RelayDir, relayStop)); err == nil {
			stop(cause.Fail(cause.Interrupted, "", "stage-out was told to stop before the module ended"))
			return
		}
	}
}

// forward passes signals on to the module.
func forward(ctx context.Context, from <-chan os.Signal, c engine.Container) {
	to, ok := engine.SignalerOf(c)
	for ok {
		select {
		case <-ctx.Done():
			return
		case s := <-from:
			if sig, is := s.(syscall.Signal); is {
				to.Signal(sig)
			}
		}
	}
}

// peakOfContainer is the most memory that this container had, in bytes; 0 where its cgroup does not tell.
func peakOfContainer() int64 {
	for _, name := range []string{"/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"} {
		if data, err := bounded.File(name, bounded.Small); err == nil {
			var n int64
			if _, err := fmt.Sscan(string(data), &n); err == nil {
				return n
			}
		}
	}
	return 0
}
