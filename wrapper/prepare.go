package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
)

// prepare makes the place for this attempt. What cannot succeed is refused before anything is made.
func (a *attempt) prepare(ctx context.Context) (err error) {
	if a.store, a.prefix, err = a.Open(ctx, a.Remote); err != nil {
		return err
	}
	info, err := a.Engine.Info(ctx)
	if err != nil {
		return cause.Name(ctx, cause.Engine, "", err)
	}
	a.rec.edit(func(r *Record) { r.Engine = info })
	hostPrefix, err := a.findHost(ctx)
	if err != nil {
		return cause.Stopped(ctx, err)
	}
	_, err = os.Lstat(a.LocalPrefix)
	a.madePrefix = errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(a.LocalPrefix, 0o755); err != nil {
		return cause.Name(context.Background(), cause.Usage, "choose another --local-prefix", fmt.Errorf("making the local prefix: %w", err))
	}
	if a.lock, err = lockJob(ctx, a.LocalPrefix, a.ID); err != nil {
		return err
	}
	name := fmt.Sprintf("%s.%d", a.ID, a.Attempt)
	a.dir, a.host = filepath.Join(a.LocalPrefix, name), path.Join(hostPrefix, name)
	if err := a.removeDead(ctx, a.lock.read()); err != nil {
		return cause.Stopped(ctx, err)
	}
	if err := a.lock.write(held{Job: a.ID, Root: name}); err != nil {
		return cause.Name(context.Background(), cause.Internal, "", err)
	}
	return a.makeRoot()
}

// removeDead removes what a killed ferry left of this very job: holding the lock, whatever is there is a dead one's.
func (a *attempt) removeDead(ctx context.Context, h held) error {
	found, err := a.Engine.List(ctx, map[string]string{LabelJob: a.ID})
	if err != nil {
		return &cause.Error{Cause: cause.Engine, Err: err}
	}
	var dead []Orphan
	if h.Root != "" {
		dead = append(dead, Orphan{Job: a.ID, Dir: existing(filepath.Join(a.LocalPrefix, h.Root))})
	}
	if existing(a.dir) != "" && h.Root != filepath.Base(a.dir) {
		// Kept by an earlier run, or a person's: it is not ferry's to remove.
		return cause.Fail(cause.Usage, "remove it, or give another --attempt or --job-id", "the place for this attempt, %s, is there already", a.dir)
	}
	for _, c := range found {
		if c.Labels[LabelKeep] != "" && !c.Running && c.Labels[LabelOwner] != a.host {
			continue // left on purpose, by an earlier attempt
		}
		if path.Dir(c.Labels[LabelOwner]) == path.Dir(a.host) {
			dead = append(dead, Orphan{Job: a.ID, Container: c.ID})
			a.warn("a killed ferry left container %.12s of this job; it is removed", c.ID)
		}
	}
	err = removeOrphans(ctx, a.Engine, dead)
	if errors.Is(err, fs.ErrPermission) {
		return &cause.Error{Cause: cause.Usage, Hint: "remove it as root, or give another --local-prefix", Err: err}
	}
	return cause.Name(ctx, cause.Engine, "", err)
}

// sweepOthers removes what killed ferries left of other jobs. It runs beside the job and never fails it.
func (a *attempt) sweepOthers(ctx context.Context) error {
	all, err := Orphans(ctx, a.Engine, a.LocalPrefix, path.Dir(a.host), true)
	for _, o := range all {
		a.Log.Warn().Stringer("orphan", o).Msg("removed what a killed ferry left")
	}
	if err != nil && ctx.Err() == nil {
		a.Log.Warn().Err(err).Msg("removing what killed ferries left")
	}
	return nil
}

// makeRoot makes the attempt's root and the directories in it.
func (a *attempt) makeRoot() error {
	// Only ferry's own user passes the root; the module sees the directories in it by their mounts.
	if err := os.Mkdir(a.dir, 0o700); err != nil {
		return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("making the attempt's root: %w", err))
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return fmt.Errorf("opening the attempt's root: %w", err)
	}
	a.root = root
	if err := root.Mkdir(ownDir, 0o700); err != nil {
		return cause.Name(context.Background(), cause.Internal, "", err)
	}
	if err := a.makeBallast(); err != nil {
		return cause.Name(context.Background(), cause.Internal, "", err)
	}
	for _, d := range a.mountDirs() {
		if err := root.MkdirAll(inRoot(d), 0o755); err != nil {
			return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("making a directory of the job: %w", err))
		}
	}
	if err := a.openLogs(); err != nil {
		return cause.Name(context.Background(), cause.Internal, "", err)
	}
	return cause.Name(context.Background(), cause.Internal, "", a.saveRecord())
}

// inRoot is the name in the attempt's root of the job's path p.
func inRoot(p string) string { return strings.TrimPrefix(p, "/") }

// findHost finds what the engine's host calls the local prefix: a bind mount's source is looked up there, not here.
func (a *attempt) findHost(ctx context.Context) (string, error) {
	remote := !engine.IsLocal(a.Engine)
	self, err := a.Self(ctx)
	if errors.Is(err, engine.ErrNoContainer) {
		// Another node's engine knows nothing of this one's containers, and one that runs in ferry's own container nothing
		// of what is around it. Where it is neither, the mounts have no source, which the engine says when it is asked for them.
		if self, err = nil, nil; !remote {
			a.Log.Warn().Msg("the engine does not know the container ferry runs in; its paths are taken for the engine's own")
		}
	}
	if err != nil {
		return "", &cause.Error{Cause: cause.Engine, Hint: "is the mounted socket that of the engine ferry runs in?", Err: err}
	}
	a.self = self
	if a.Stage == StageCopy {
		return a.copyPrefix(remote)
	}
	if remote {
		return "", cause.Fail(cause.Usage, "use --stage copy", "a remote engine cannot mount this node's directories")
	}
	if self == nil {
		return a.LocalPrefix, nil
	}
	return HostPath(*self, a.LocalPrefix)
}

// copyPrefix stands for the local prefix where no container mounts it. On a remote engine, which other nodes with the same
// prefix may use too, it has this node's name in it: containers of theirs are not this node's to remove.
func (a *attempt) copyPrefix(remote bool) (string, error) {
	if !remote {
		return a.LocalPrefix, nil
	}
	for _, m := range a.Mounts {
		if m.Host != "" {
			return "", cause.Fail(cause.Usage, "", "--mount %s:%s: a remote engine cannot mount this node's directories", m.Host, m.Path)
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return "", cause.Fail(cause.Internal, "", "this node's name: %w", err)
	}
	return path.Join("/", name, a.LocalPrefix), nil
}

// HostPath is what the engine's host calls p of ferry's own container.
func HostPath(self engine.Self, p string) (string, error) {
	var best *engine.SelfMount
	for i, m := range self.Mounts {
		if subpath.Within(m.Destination, p) && (best == nil || len(m.Destination) > len(best.Destination)) {
			best = &self.Mounts[i]
		}
	}
	hint := fmt.Sprintf("start ferry's container with -v /some/dir:%s", p)
	switch {
	case best == nil:
		return "", cause.Fail(cause.Usage, hint, "--local-prefix %s is not a mount of the host, so no other container can see it", p)
	case best.ReadOnly:
		return "", cause.Fail(cause.Usage, hint, "--local-prefix %s is mounted read-only", p)
	}
	rel := strings.TrimPrefix(p, path.Clean(best.Destination))
	return path.Join(best.Source, rel), nil
}

// saveRecord replaces run.json in the metadata dir, atomically.
func (a *attempt) saveRecord() error {
	if a.root == nil {
		return nil
	}
	a.saving.Lock() // stages that run at the same time begin and end on their own
	defer a.saving.Unlock()
	return a.writeFile(path.Join(a.MetadataDir, recordName), a.rec.json())
}

// ownDir is a folder of the attempt's root that no module sees, for files on their way into the metadata dir.
const ownDir = ".ferry"

// writeFile puts a file of ferry's own at the job's path p, atomically, whatever the module put there.
func (a *attempt) writeFile(p string, data []byte) error {
	name, tmp := inRoot(p), path.Join(ownDir, path.Base(p))
	if err := a.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	err := a.root.WriteFile(tmp, data, 0o644)
	if err == nil {
		if st, e := a.root.Lstat(name); e == nil && st.IsDir() {
			err = a.root.RemoveAll(name)
		}
	}
	if err == nil {
		err = a.root.Rename(tmp, name)
	}
	if err != nil {
		_ = a.root.Remove(tmp)
	}
	return err
}
