package wrapper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/rmtree"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// A module is the container that the job's module runs in, from its making to its removal. Its methods are safe for concurrent
// use.
type module struct {
	site      *site
	engine    engine.Engine
	recipe    recipe
	container engine.Container
	placement placement
	usage     usage
	marked    []*marker // its output for people, from its launch on
	pristine  *pristine // what is to be frozen, nil where nothing is

	mu        sync.Mutex
	exit      *engine.Exit    // nil while the module has not ended
	removed   bool            // the container is gone
	collected map[string]bool // directories that were collected after the module had ended
}

// ended is how the container ended, nil while that is unknown.
func (m *module) ended() *engine.Exit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.exit
}

// isRoot reports whether the module runs as root.
func (m *module) isRoot() bool {
	who, ok := runsAs(&m.site.job, m.recipe.image)
	return ok && who.uid == 0
}

// launch starts exec.sh in the container.
func (m *module) launch(ctx context.Context, stdout, stderr io.Writer) error {
	s := m.site
	if err := checkScript(s); err != nil {
		return err
	}
	// An exit code file that was staged in, by a sync script for instance, is not this attempt's.
	root, exitFile := s.at(s.job.Files.ExitCode)
	if err := rmtree.Below(root, exitFile); err != nil {
		return cause.Fail(cause.Internal, "", "removing an older exit code: %w", err)
	}
	if err := s.giveTo(m.recipe.image); err != nil {
		return cause.Name(ctx, cause.Internal, "", err)
	}
	if err := m.writeContainerUsed(); err != nil {
		return cause.Name(ctx, cause.Internal, "", err)
	}
	if s.job.Freeze.Name != "" && m.recipe.from.choice == nil && !s.job.Dirs.InPlace {
		m.pristine = keepPristine(ctx, s)
	}
	if err := m.placement.fill(ctx); err != nil {
		return err
	}
	m.marked = []*marker{{w: stdout}, {w: stderr}}
	err := m.container.Start(ctx, io.MultiWriter(s.logs.out, m.marked[0]), io.MultiWriter(s.logs.err, m.marked[1]))
	return cause.Name(ctx, cause.Launch, "", err)
}

// checkScript is an error where the script is missing. It cannot look into directories of the node, nor into the image.
func checkScript(s *site) error {
	j, exec := &s.job, s.job.Program.Exec
	root, name := s.at(exec)
	st, err := root.Stat(name)
	if j.Dirs.InPlace { // it may be in any of the node's directories
		st, err = os.Stat(exec)
	}
	if err == nil && st.Mode().IsRegular() || len(j.Program.Command) > 0 || j.ScriptOnNode() {
		return nil
	}
	return cause.Fail(cause.Launch, "was it uploaded?", "there is no script %s", exec)
}

func (m *module) writeContainerUsed() error {
	used, err := json.Marshal(map[string]string{
		"image": m.site.job.Container.Image, "image_id": m.recipe.image.ID, "image_digest": m.recipe.image.Digest, "container_id": m.container.ID(),
	})
	if err != nil {
		return err
	}
	return m.site.write(m.site.own(record.ContainerName), append(used, '\n'))
}

// collectOutcome brings the files that decide the outcome to the attempt's root, once the module has ended: the metadata dir,
// and the exit code file where that is elsewhere.
func (m *module) collectOutcome(ctx context.Context) {
	err := m.collectOnce(ctx, m.site.job.Dirs.Metadata)
	if file := m.site.job.Files.ExitCode; err == nil && !subpath.Within(m.site.job.Dirs.Metadata, file) {
		err = m.placement.collectFile(ctx, file)
	}
	if err != nil {
		m.site.tell.warn("reading what the module left: %v", err)
	}
}

// collect brings a directory to the attempt's root before it is staged out.
func (m *module) collect(ctx context.Context, dir string) error {
	if m.ended() != nil {
		return m.collectOnce(ctx, dir)
	}
	if m.hasCollected(dir) {
		return nil
	}
	return m.placement.collect(ctx, dir)
}

// collectOnce collects a directory for the last time, after the module has ended. From then on ferry writes its own files
// there, and a second collection would replace them.
func (m *module) collectOnce(ctx context.Context, dir string) error {
	if m.hasCollected(dir) {
		return nil
	}
	if err := m.placement.collect(ctx, dir); err != nil {
		return fmt.Errorf("collecting %s: %w", dir, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collected[dir] = true
	return nil
}

func (m *module) hasCollected(dir string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.collected[dir]
}

const (
	// removalTime bounds the removal of a container. An engine may restart meanwhile.
	removalTime = 20 * time.Second
	// removalLast bounds it once the time for saving has ended.
	removalLast = 3 * time.Second
	// removalPause is between two tries.
	removalPause = 500 * time.Millisecond
)

// remove removes the container. Once save has ended, it still has removalLast: whoever kills ferry is near.
func (m *module) remove(save context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(save), removalTime)
	defer cancel()
	defer context.AfterFunc(save, func() { time.AfterFunc(removalLast, cancel) })()
	for {
		err := m.container.Remove(ctx)
		if err == nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.removed = true
			return nil
		}
		if !errors.Is(err, engine.ErrUnavailable) || save.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(removalPause):
		}
	}
}

// leavesContainer reports whether a container of this attempt may be in the engine that is not to stay there.
func (a *attempt) leavesContainer() bool {
	m, s := a.module, a.site
	switch {
	case m != nil:
		m.mu.Lock()
		defer m.mu.Unlock()
		return !m.removed && !a.job.Keep
	case !s.created:
		return false
	}
	// The engine was asked for one and gave none. It may have made it all the same.
	ctx, cancel := context.WithTimeout(context.Background(), removalLast)
	defer cancel()
	found, err := a.deps.Engine.List(ctx, map[string]string{node.LabelID: s.id})
	if err != nil {
		return true
	}
	for _, c := range found {
		if err := node.Remove(ctx, a.deps.Engine, a.job.LocalPrefix, []node.Orphan{{Job: a.job.Identity.ID, Container: c.ID}}); err != nil {
			a.tell.warn("%v", err)
			return true
		}
	}
	return false
}

// Paths in the container that removeAsRoot makes.
const (
	removerPath = "/.ferry-remove" // ferry itself
	removedPath = "/.ferry-root"   // the attempt's root
	// RemoverName is the hidden command of ferry that empties a directory.
	RemoverName = "internal-remove"
)

// removeAsRoot empties the attempt's root where the module ran as root and ferry does not. It does so in a container of the
// module's image, which runs as root. It runs ferry's own static binary there, because the image may have no rm.
func (m *module) removeAsRoot() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	paths := m.site.paths
	if paths.self != nil || m.site.job.Container.Placement != job.PlaceMount {
		return fs.ErrPermission
	}
	ctx, cancel := context.WithTimeout(context.Background(), removalTime)
	defer cancel()
	c, err := m.engine.Create(ctx, engine.Spec{
		Name: m.recipe.name() + "-remove", Image: m.recipe.image, Command: []string{removerPath, RemoverName, removedPath},
		User: "0:0", Network: "none", Labels: m.recipe.labels(), CapAdd: []string{"DAC_OVERRIDE"}, // the root is closed to all but its owner
		Mounts: []engine.Mount{{Source: exe, Target: removerPath, ReadOnly: true}, {Source: paths.host, Target: removedPath}},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Remove(context.WithoutCancel(ctx)) }()
	var said bytes.Buffer
	if err := c.Start(ctx, io.Discard, &said); err != nil {
		return err
	}
	exit, err := c.Wait(ctx)
	if err == nil && exit.Code != 0 {
		err = fmt.Errorf("as root in a container: %s", strings.TrimSpace(said.String()))
	}
	return err
}
