package wrapper

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/internal/subpath"
)

// A Freezer makes and finds images that hold a module and its libraries. *commit.Freezer is one.
type Freezer interface {
	// Freeze commits and pushes. The result says how far it came also beside an error.
	Freeze(ctx context.Context, r commit.Request) (commit.Frozen, error)
	// Prefer finds the frozen image to run instead of ref; where there is none, why.
	Prefer(ctx context.Context, r commit.Request, ref string) (c commit.Choice, why string, ok bool)
	// Unpack brings directories of an image to where they are on this node.
	Unpack(ctx context.Context, image engine.Image, dirs []commit.Unpacked) error
}

var _ Freezer = (*commit.Freezer)(nil)

// RecordFrozen says whether a frozen image ran.
type RecordFrozen struct {
	Used bool     `json:"used"`
	Ref  string   `json:"reference,omitempty"`
	Dirs []string `json:"directories,omitempty"` // that were not staged in
	Why  string   `json:"why_not,omitempty"`
}

// chooseFrozen looks for a frozen image to run, before anything is staged in. There being none is no failure.
func (a *attempt) chooseFrozen(ctx context.Context) error {
	if a.Frozen != FrozenPrefer || a.Freeze == "" || a.Freezer == nil {
		return nil
	}
	var c commit.Choice
	var why string
	var ok bool
	_ = a.stage("frozen", func() error {
		c, why, ok = a.Freezer.Prefer(ctx, a.freezeRequest(), a.Image)
		return nil
	})
	if ctx.Err() != nil {
		return cause.Stopped(ctx, ctx.Err())
	}
	if !ok {
		a.Log.Info().Str("why", why).Msg("no frozen image is run")
		a.rec.edit(func(r *Record) { r.Frozen = &RecordFrozen{Why: why} })
		return nil
	}
	a.choice = &c
	var inImage []string
	for _, d := range a.frozenDirs() {
		if a.inImage(d) {
			inImage = append(inImage, d)
		}
	}
	a.Log.Info().Str("image", c.Image.Ref).Strs("directories", inImage).Msg("a frozen image is run; what it holds is not staged in")
	a.rec.edit(func(r *Record) { r.Frozen = &RecordFrozen{Used: true, Ref: c.Image.Ref, Dirs: inImage} })
	return a.unfreeze(ctx)
}

// frozenDirs are the directories a frozen image of this job holds: the tasklib and the libraries, but none that has
// results or inputs in it by its own right.
func (a *attempt) frozenDirs() []string {
	var all []string
	if a.ModuleDir != "" {
		all = append(all, a.ModuleDir)
	}
	for _, d := range a.Libraries {
		all = append(all, d.Path)
	}
	return slices.DeleteFunc(all, func(d string) bool {
		return subpath.Within(a.Workdir, d) || subpath.Within(a.MetadataDir, d) || slices.ContainsFunc(a.Inputs, func(in Dir) bool { return in.Path == d })
	})
}

// held says that the frozen image that runs has the directory.
func (a *attempt) held(dir string) bool {
	return a.choice != nil && slices.Contains(a.frozenDirs(), dir) && !slices.Contains(a.Outputs, dir) &&
		slices.ContainsFunc(a.choice.Dirs, func(d string) bool { return subpath.Within(d, dir) })
}

// inImage says that the module sees a directory in its image, so that it is neither staged nor mounted.
func (a *attempt) inImage(dir string) bool {
	return a.held(dir) && !subpath.Within(dir, a.Exec) && !a.covered(dir)
}

// covered says that the module cannot see the image's own directory, because something is mounted over it, or that a
// sync script may bring files into it.
func (a *attempt) covered(dir string) bool {
	if a.SyncScript != "" {
		return true
	}
	over := func(d string) bool { return d != dir && subpath.Within(d, dir) }
	host := slices.ContainsFunc(a.Mounts, func(m Mount) bool { return m.Host != "" && subpath.Within(m.Path, dir) })
	return host || a.Stage == StageMount && slices.ContainsFunc(a.mountDirs(), over)
}

// unfreeze brings directories that the image holds and the module could not see there to the attempt's root, in the
// place of staging them in.
func (a *attempt) unfreeze(ctx context.Context) error {
	var dirs []commit.Unpacked
	var taken []string
	for _, d := range a.frozenDirs() {
		if a.held(d) && !a.inImage(d) {
			root, err := a.root.OpenRoot(inRoot(d))
			if err != nil {
				return cause.Fail(cause.Internal, "", "opening %s: %w", d, err)
			}
			defer root.Close()
			dirs, taken = append(dirs, commit.Unpacked{Path: d, Root: root}), append(taken, d)
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	if err := a.Freezer.Unpack(ctx, a.choice.Image, dirs); err != nil {
		return cause.Name(ctx, cause.StageIn, "", diskful(fmt.Errorf("unpacking the frozen image: %w", err)))
	}
	a.unpacked = taken
	return nil
}

// seenDirs are the directories of the attempt's root that the module is shown.
func (a *attempt) seenDirs() []string {
	return slices.DeleteFunc(a.mountDirs(), a.inImage)
}

// comesFrozen says that a directory need not be staged in.
func (a *attempt) comesFrozen(dir string) bool {
	return a.inImage(dir) || slices.Contains(a.unpacked, dir)
}

// toStage are the inputs that do not come with a frozen image.
func (a *attempt) toStage() []Dir {
	return slices.DeleteFunc(a.inputs(), func(d Dir) bool { return a.comesFrozen(d.Path) })
}

// freeze commits and pushes after the module has ended well. Its failure is recorded and warned of, and nothing more.
func (a *attempt) freeze(ctx context.Context, out Outcome) {
	if a.Freeze == "" || out.Code != 0 || a.choice != nil || ctx.Err() != nil {
		return
	}
	if a.Freezer == nil {
		a.warn("nothing is frozen as %q: this engine makes no images", a.Freeze)
		return
	}
	_ = a.stage("freeze", func() error {
		r := a.freezeRequest()
		r.Image = a.image
		for _, d := range subpath.Outermost(a.frozenDirs()) {
			r.Dirs = append(r.Dirs, copytree.FromRoot(a.root, inRoot(d), d, a.notForImage, a.warn))
		}
		done, err := a.Freezer.Freeze(ctx, r)
		a.rec.edit(func(r *Record) { r.Freeze = &done })
		if err != nil {
			a.warn("freezing as %q: %v", a.Freeze, err)
		}
		return err
	})
}

func (a *attempt) freezeRequest() commit.Request {
	return commit.Request{Name: a.Freeze, Module: commit.Module(a.Module), Job: a.ID}
}

// notForImage says of names in the root what must never be in an image although it may lie in a directory that is:
// results, metadata and inputs. Of directories that lie in each other the innermost decides.
func (a *attempt) notForImage(name string) bool {
	p, best, frozen := "/"+name, "", false
	decide := func(dirs []string, is bool) {
		for _, d := range dirs {
			if subpath.Within(d, p) && len(d) > len(best) {
				best, frozen = d, is
			}
		}
	}
	never := []string{a.Workdir, a.MetadataDir}
	for _, d := range a.Inputs {
		never = append(never, d.Path)
	}
	decide(never, false)
	decide(a.frozenDirs(), true)
	private := a.UserID != "" && slices.Contains(strings.Split(strings.TrimPrefix(p, best), "/"), a.UserID)
	return !frozen || private
}

// origin tells `ferry commit` about the container.
func (a *attempt) origin() string {
	return commit.Origin{Name: a.Module.Name, LSID: a.Module.LSID, Job: a.ID, Dirs: subpath.Outermost(a.frozenDirs())}.Label()
}
