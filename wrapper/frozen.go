package wrapper

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/record"
)

// A supply says where the module sees each of the job's directories: in the image that runs, or in the attempt's root. Without
// a frozen image all are in the attempt's root.
type supply struct {
	job      *job.Job
	choice   *commit.Choice // the frozen image that runs, nil for none
	unpacked []string       // directories that came out of it into the attempt's root
}

// chooseImage looks for a frozen image to run, before anything is staged in. There being none is no failure.
func (a *attempt) chooseImage(ctx context.Context, s *site) (supply, error) {
	from := supply{job: &s.job}
	if s.job.Freeze.Frozen != job.FrozenPrefer || s.job.Freeze.Name == "" || a.deps.Freezer == nil {
		return from, nil
	}
	var c commit.Choice
	var why string
	var ok bool
	_ = a.tell.stage("frozen", func() error {
		c, why, ok = a.deps.Freezer.Prefer(ctx, freezeRequest(&s.job), s.job.Container.Image)
		return nil
	})
	if ctx.Err() != nil {
		return from, cause.Stopped(ctx, ctx.Err())
	}
	if !ok {
		a.tell.log.Info().Str("why", why).Msg("no frozen image is run")
		a.tell.rec.Edit(func(r *record.Record) { r.Frozen = &record.Frozen{Why: why} })
		return from, nil
	}
	from.choice = &c
	var inImage []string
	for _, d := range frozenDirs(from.job) {
		if from.inImage(d) {
			inImage = append(inImage, d)
		}
	}
	a.tell.log.Info().Str("image", c.Image.Ref).Strs("directories", inImage).Msg("a frozen image is run; what it holds is not staged in")
	a.tell.rec.Edit(func(r *record.Record) { r.Frozen = &record.Frozen{Used: true, Ref: c.Image.Ref, Dirs: inImage} })
	return from.unpack(ctx, s, a.deps.Freezer)
}

// unpack copies directories out of the image to the attempt's root, where the module could not see the image's own. They
// need not be staged in then.
func (f supply) unpack(ctx context.Context, s *site, freezer Freezer) (supply, error) {
	var dirs []commit.Unpacked
	var taken []string
	for _, d := range frozenDirs(f.job) {
		if f.held(d) && !f.inImage(d) {
			root, err := s.open(d)
			if err != nil {
				return f, cause.Fail(cause.Internal, "", "opening %s: %w", d, err)
			}
			defer root.Close()
			dirs, taken = append(dirs, commit.Unpacked{Path: d, Root: root}), append(taken, d)
		}
	}
	if len(dirs) == 0 {
		return f, nil
	}
	if err := freezer.Unpack(ctx, f.choice.Image, dirs); err != nil {
		return f, cause.Name(ctx, cause.StageIn, "", fmt.Errorf("unpacking the frozen image: %w", err))
	}
	f.unpacked = taken
	return f, nil
}

// frozenDirs are the directories that a frozen image of this job holds: the tasklib and the libraries. A directory that holds
// the working or metadata dir, or is an input as well, is not among them.
func frozenDirs(j *job.Job) []string {
	var all []string
	if j.Dirs.Tasklib != "" {
		all = append(all, j.Dirs.Tasklib)
	}
	for _, in := range j.Dirs.Libraries {
		all = append(all, in.Path)
	}
	return slices.DeleteFunc(all, func(d string) bool {
		return subpath.Within(j.Dirs.Work, d) || subpath.Within(j.Dirs.Metadata, d) ||
			slices.ContainsFunc(j.Dirs.Inputs, func(in job.Input) bool { return in.Path == d })
	})
}

// held reports whether the frozen image that runs has the directory.
func (f supply) held(dir string) bool {
	return f.choice != nil && slices.Contains(frozenDirs(f.job), dir) && !slices.Contains(f.job.Dirs.Outputs, dir) &&
		slices.ContainsFunc(f.choice.Dirs, func(d string) bool { return subpath.Within(d, dir) })
}

// inImage reports whether the module sees the directory in its image. Such a directory is neither staged in nor mounted.
func (f supply) inImage(dir string) bool {
	return f.held(dir) && !subpath.Within(dir, f.job.Program.Exec) && !f.covered(dir)
}

// covered reports whether the image's own directory will not do: something is mounted over it, or a sync script may bring
// files into it.
func (f supply) covered(dir string) bool {
	if f.job.Files.SyncScript != "" {
		return true
	}
	over := func(d string) bool { return d != dir && subpath.Within(d, dir) }
	host := slices.ContainsFunc(f.job.Dirs.Mounts, func(m job.Mount) bool { return m.Host != "" && subpath.Within(m.Path, dir) })
	return host || f.job.Container.Placement == job.PlaceMount && slices.ContainsFunc(f.job.Rooted(), over)
}

// seen are the paths of the attempt's root that the module is shown.
func (f supply) seen() []string { return slices.DeleteFunc(f.job.Rooted(), f.inImage) }

// staged are the inputs that do not come with a frozen image.
func (f supply) staged() []job.Input {
	return slices.DeleteFunc(f.job.Staged(), func(in job.Input) bool {
		return f.inImage(in.Path) || slices.Contains(f.unpacked, in.Path)
	})
}

// image is the frozen image that was chosen, else the one asked for, made present.
func (f supply) image(ctx context.Context, eng engine.Engine, login engine.Login) (engine.Image, error) {
	if f.choice != nil {
		return f.choice.Image, nil
	}
	return eng.Image(ctx, f.job.Container.Image, login)
}

func freezeRequest(j *job.Job) commit.Request {
	return commit.Request{Name: j.Freeze.Name, Module: commit.Module(j.Module), Job: j.Identity.ID}
}

// notForImage reports which names in the attempt's root must not be in an image: results, metadata, inputs, and what is
// private to the job's user. Such files may lie inside a directory that is frozen. Where directories lie in each other, the
// innermost decides.
func notForImage(j *job.Job) func(name string) bool {
	never := []string{j.Dirs.Work, j.Dirs.Metadata}
	for _, in := range j.Dirs.Inputs {
		never = append(never, in.Path)
	}
	dirs := frozenDirs(j)
	return func(name string) bool {
		p, best, frozen := "/"+name, "", false
		decide := func(dirs []string, is bool) {
			for _, d := range dirs {
				if subpath.Within(d, p) && len(d) > len(best) {
					best, frozen = d, is
				}
			}
		}
		decide(never, false)
		decide(dirs, true)
		private := j.Identity.User != "" && slices.Contains(strings.Split(strings.TrimPrefix(p, best), "/"), j.Identity.User)
		return !frozen || private
	}
}
