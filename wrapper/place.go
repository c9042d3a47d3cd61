package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/internal/tartree"
)

// A place is how the module comes to see the attempt's directories, and ferry what the module did to them: --stage.
type place interface {
	// mounts are those the container is made with.
	mounts() []engine.Mount
	// fill brings everything that was staged in to where the module sees it. It is called once, before the module starts.
	fill(ctx context.Context) error
	// collect brings a directory as the module left it to the attempt's root. It may be called while the module runs.
	collect(ctx context.Context, dir string) error
}

// newPlace is the place for the job's --stage.
func (a *attempt) newPlace() place {
	if a.Stage == StageCopy {
		return &copyPlace{attempt: a}
	}
	return mountPlace{a}
}

// mountPlace shows the module the attempt's root itself.
type mountPlace struct{ *attempt }

func (p mountPlace) mounts() []engine.Mount                { return p.rootMounts() }
func (p mountPlace) fill(context.Context) error            { return nil }
func (p mountPlace) collect(context.Context, string) error { return nil }

// copyPlace gives the container copies, for an engine that is elsewhere. What the module does to an input is lost with
// the container, as if inputs were read-only.
type copyPlace struct {
	*attempt
	filled bool
}

// mounts are the node's own directories, where the engine is of this node.
func (p *copyPlace) mounts() []engine.Mount {
	return slices.DeleteFunc(p.rootMounts(), func(m engine.Mount) bool {
		return !slices.ContainsFunc(p.Mounts, func(own Mount) bool { return own.Host == m.Source && own.Path == m.Target })
	})
}

func (p *copyPlace) copier() (engine.Copier, error) {
	c, ok := engine.CopierOf(p.container)
	if !ok {
		return nil, cause.Fail(cause.Usage, "use --stage mount", "this engine's containers cannot be copied into")
	}
	return c, nil
}

func (p *copyPlace) fill(ctx context.Context) error {
	c, err := p.copier()
	if err != nil {
		return err
	}
	var dirs []copytree.Dir
	for _, d := range subpath.Outermost(p.seenDirs()) {
		dirs = append(dirs, copytree.FromRoot(p.root, inRoot(d), d, p.notForModule, p.warn))
	}
	if err := copytree.In(ctx, c, dirs, false); err != nil {
		return cause.Name(ctx, cause.Launch, "", diskful(err))
	}
	p.filled = true
	return nil
}

// notForModule says of names in the root which the module does not get: ferry's own files, which grow meanwhile.
func (p *copyPlace) notForModule(name string) bool {
	dir, base := path.Split("/" + name)
	return path.Clean(dir) == p.MetadataDir && slices.Contains(ownNames, base)
}

func (p *copyPlace) collect(ctx context.Context, dir string) error {
	if !p.filled {
		return nil
	}
	c, err := p.copier()
	if err != nil {
		return err
	}
	root, err := p.root.OpenRoot(inRoot(dir))
	if err != nil {
		return err
	}
	defer root.Close()
	x := tartree.Extractor{Root: root, Warn: p.warn, Owners: os.Geteuid() == 0, Skip: func(name string) bool {
		full := path.Join(dir, name)
		return p.notForModule(inRoot(full)) ||
			slices.ContainsFunc(p.outputDirs(), func(d Dir) bool { return d.Path == full && full != dir })
	}}
	return diskful(copytree.Out(ctx, c, dir, x))
}

// collectFile brings one file, if it is there.
func (p *copyPlace) collectFile(ctx context.Context, file string) error {
	c, err := p.copier()
	if err != nil || !p.filled {
		return err
	}
	root, err := p.root.OpenRoot(inRoot(path.Dir(file)))
	if err != nil {
		return err
	}
	defer root.Close()
	err = copytree.OutFile(ctx, c, file, tartree.Extractor{Root: root, Warn: p.warn})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return diskful(err)
}

// diskful gives a full disk its cause, and leaves any other error without one.
func diskful(err error) error {
	var e *cause.Error
	if errors.As(cause.Name(context.Background(), cause.None, "", err), &e) && e.Cause == cause.Disk {
		return e
	}
	return err
}

// collectOutcome brings what decides the outcome, once the module has ended: the metadata dir, and the exit code file
// where that lies elsewhere.
func (a *attempt) collectOutcome(ctx context.Context) {
	if a.container == nil || a.place == nil {
		return
	}
	err := a.collectOnce(ctx, a.MetadataDir)
	if p, ok := a.place.(*copyPlace); ok && err == nil && !subpath.Within(a.MetadataDir, a.Files.ExitCode) {
		err = p.collectFile(ctx, a.Files.ExitCode)
	}
	if err != nil {
		a.warn("reading what the module left: %v", err)
	}
}

// collect brings a directory to the root before it goes up.
func (a *attempt) collect(ctx context.Context, dir string) error {
	if a.ended() != nil {
		return a.collectOnce(ctx, dir)
	}
	if a.collected[dir] || a.place == nil {
		return nil
	}
	return a.place.collect(ctx, dir)
}

// collectOnce is the last collection of a directory, after the module has ended: from then on the root has what counts,
// and ferry writes files of its own there.
func (a *attempt) collectOnce(ctx context.Context, dir string) error {
	if a.collected[dir] || a.place == nil {
		return nil
	}
	if err := a.place.collect(ctx, dir); err != nil {
		return fmt.Errorf("collecting %s: %w", dir, err)
	}
	a.collected[dir] = true
	return nil
}
