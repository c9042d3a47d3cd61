package wrapper

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/internal/tartree"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/record"
)

// A placement brings the attempt's directories to the module, and what the module did to them back to the attempt's root. The
// option --stage chooses it. Its methods but fill are safe for concurrent use.
type placement interface {
	// fill brings everything that was staged in to where the module sees it. It is called once, before the module starts. Its
	// error has a cause.
	fill(ctx context.Context) error
	// collect brings a directory as the module left it to the attempt's root. It may be called while the module runs.
	collect(ctx context.Context, dir string) error
	// collectFile brings one file to the attempt's root. A file that is not there is no error.
	collectFile(ctx context.Context, file string) error
}

// newPlacement is the placement of the job's --stage. Beside an error it is one that moves nothing.
func newPlacement(s *site, from supply, c engine.Container) (placement, error) {
	if s.job.Container.Placement != job.PlaceCopy {
		return mountPlacement{}, nil
	}
	copier, ok := engine.CopierOf(c)
	if !ok {
		return mountPlacement{}, cause.Fail(cause.Usage, "use --stage mount", "this engine's containers cannot be copied into")
	}
	return &copyPlacement{site: s, from: from, container: copier}, nil
}

// mountPlacement shows the module the attempt's root itself.
type mountPlacement struct{}

func (mountPlacement) fill(context.Context) error                { return nil }
func (mountPlacement) collect(context.Context, string) error     { return nil }
func (mountPlacement) collectFile(context.Context, string) error { return nil }

// copyPlacement copies the directories into the container, for an engine on another machine. What the module does to an input is
// lost with the container.
type copyPlacement struct {
	site      *site
	from      supply
	container engine.Copier
	filled    bool
}

func (p *copyPlacement) fill(ctx context.Context) error {
	var dirs []copytree.Dir
	for _, d := range subpath.Outermost(p.from.seen()) {
		dirs = append(dirs, copytree.FromRoot(p.site.root, inRoot(d), d, p.notForModule, p.site.tell.warn))
	}
	if err := copytree.In(ctx, p.container, dirs, false); err != nil {
		return cause.Name(ctx, cause.Launch, "", err)
	}
	p.filled = true
	return nil
}

// notForModule reports which names in the attempt's root the module does not get: ferry's own files, which grow meanwhile.
func (p *copyPlacement) notForModule(name string) bool {
	dir, base := path.Split("/" + name)
	return path.Clean(dir) == p.site.job.Dirs.Metadata && slices.Contains(record.OwnNames(), base)
}

func (p *copyPlacement) collect(ctx context.Context, dir string) error {
	if !p.filled {
		return nil
	}
	root, err := p.site.open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	x := tartree.Extractor{Root: root, Warn: p.site.tell.warn, Owners: os.Geteuid() == 0, Skip: func(name string) bool {
		full := path.Join(dir, name)
		return p.notForModule(inRoot(full)) ||
			slices.ContainsFunc(p.site.job.Results(), func(d job.Input) bool { return d.Path == full && full != dir })
	}}
	return copytree.Out(ctx, p.container, dir, x)
}

func (p *copyPlacement) collectFile(ctx context.Context, file string) error {
	if !p.filled {
		return nil
	}
	root, err := p.site.open(path.Dir(file))
	if err != nil {
		return err
	}
	defer root.Close()
	err = copytree.OutFile(ctx, p.container, file, tartree.Extractor{Root: root, Warn: p.site.tell.warn})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
