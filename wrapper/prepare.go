package wrapper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// prepare makes the site of this attempt. A job that cannot succeed is refused before anything is made. Where a later part fails,
// what was made is removed again. Its errors have a cause.
func prepare(ctx context.Context, j job.Job, deps Deps, tell *teller) (*site, error) {
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
	paths, err := locate(ctx, &j, deps.Engine, deps.Log)
	if err != nil {
		return nil, cause.Stopped(ctx, err)
	}
	if err := paths.noSocket(&j, info.Socket); err != nil {
		return nil, err
	}
	s := &site{job: j, tell: tell, paths: paths, enforces: info.Enforces, platform: info.Platform, id: rand.Text()}
	_, err = os.Lstat(j.LocalPrefix)
	s.madePrefix = errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(j.LocalPrefix, 0o755); err != nil {
		return nil, cause.Name(ctx, cause.Usage, "choose another --local-prefix", fmt.Errorf("making the local prefix: %w", err))
	}
	if j.Dirs.InPlace {
		if err := ownPrefix(j.LocalPrefix); err != nil {
			return nil, err
		}
	}
	if s.lock, err = node.LockJob(ctx, j.LocalPrefix, j.Identity.ID); err != nil {
		if s.madePrefix {
			_ = os.Remove(j.LocalPrefix)
		}
		return nil, err
	}
	whole := false
	defer func() { // of a panic, too
		if whole {
			return
		}
		if e := s.removeUnused(); e != nil {
			deps.Log.Warn().Err(e).Msg("local files are left")
		}
	}()
	if err := s.build(ctx, deps.Engine); err != nil {
		return nil, err
	}
	whole = true
	return s, nil
}

// wanted is what the job itself asks of the engine.
func wanted(j *job.Job) engine.Wanted {
	c := j.Container
	l := engine.Limits{Memory: c.Limits.Memory, NanoCPUs: int64(c.Limits.CPUs * 1e9), PIDs: c.Limits.PIDs, GPUs: c.Limits.GPUs}
	return engine.Wanted{Limits: l, Network: c.Network, ReadOnlyInputs: c.ReadOnlyInputs,
		ReadOnlyMounts: slices.ContainsFunc(j.Dirs.Mounts, func(m job.Mount) bool { return m.Host != "" && !m.Writable })}
}

// build makes the attempt's root, after it has removed what a killed ferry left of this job.
func (s *site) build(ctx context.Context, eng engine.Engine) error {
	if err := s.removeDead(ctx, eng); err != nil {
		return cause.Stopped(ctx, err)
	}
	h := node.Held{Job: s.job.Identity.ID, Root: filepath.Base(s.paths.dir), ID: s.id, By: node.Me(s.paths.self)}
	if err := s.lock.Write(h); err != nil {
		return cause.Name(ctx, cause.Internal, "", err)
	}
	// Only ferry's own user can enter the root. The module sees the directories in it by their mounts.
	return furnish(s, 0o700, &h)
}

// furnish makes the attempt's root with all that is in it before files are staged in. h is who has it, nil on a volume of the job's own.
func furnish(s *site, mode fs.FileMode, h *node.Held) error {
	if err := os.Mkdir(s.paths.dir, mode); err != nil {
		return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("making the attempt's root: %w", err))
	}
	root, err := os.OpenRoot(s.paths.dir)
	if err != nil {
		return fmt.Errorf("opening the attempt's root: %w", err)
	}
	s.root = root
	err = root.MkdirAll(ownMetadata, 0o700)
	if err == nil && h != nil {
		err = node.Mark(root, *h)
	}
	if err == nil {
		err = s.makeBallast()
	}
	if err != nil {
		return cause.Name(context.Background(), cause.Internal, "", err)
	}
	if s.job.Dirs.InPlace {
		if err := openInPlace(s); err != nil {
			return err
		}
	}
	for _, d := range s.job.Rooted() {
		if s.job.Dirs.InPlace {
			break // they are where they are
		}
		if err := root.MkdirAll(inRoot(d), 0o755); err != nil {
			return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("making a directory of the job: %w", err))
		}
	}
	if s.logs, err = openLogs(s, os.O_EXCL); err != nil {
		return cause.Name(context.Background(), cause.Internal, "", err)
	}
	return cause.Name(context.Background(), cause.Internal, "", keepRecord(s))
}

// keepRecord has the record written to the metadata dir, now and whenever it is saved.
func keepRecord(s *site) error {
	s.tell.rec.SaveWith(func(data []byte) error { return s.write(s.metadata(record.FileName), data) })
	return s.tell.rec.Save()
}

// removeDead removes what a killed ferry left of this very job. This ferry holds the job's lock. Where the lock's file was lost and a
// ferry that runs the job lives all the same, this one is refused.
func (s *site) removeDead(ctx context.Context, eng engine.Engine) error {
	prefix := s.job.LocalPrefix
	found, err := s.lock.Examine(ctx, eng, prefix)
	switch {
	case err != nil:
		return cause.Name(ctx, cause.Engine, "", err)
	case found.Living:
		return node.Running(s.job.Identity.ID)
	}
	there := node.Existing(s.paths.dir)
	for _, o := range found.Dead {
		if o.Container != "" {
			s.tell.warn("a killed ferry left container %.12s of this job; it is removed", o.Container)
		}
		if o.Dir == there {
			there = ""
		}
	}
	for _, o := range found.Left {
		s.tell.warn("it is not known whether the ferry of this lives, so it is left: %v", o)
	}
	if there != "" {
		// Kept by an earlier run, or a person's: it is not ferry's to remove.
		return cause.Fail(cause.Usage, "remove it, or give another --attempt or --job-id", "the place for this attempt, %s, is there already", s.paths.dir)
	}
	err = node.Remove(ctx, eng, prefix, found.Dead)
	if errors.Is(err, fs.ErrPermission) {
		return &cause.Error{Cause: cause.Usage, Hint: "remove it as root, or give another --local-prefix", Err: err}
	}
	return cause.Name(ctx, cause.Engine, "", err)
}
