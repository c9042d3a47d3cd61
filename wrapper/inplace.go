package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
)

// A place is where a directory or file of a job is on this node. The module sees it at the job's path.
type place struct {
	option string // that names it, for messages
	path   string // the job's
	here   string // without links
	host   string // the same as the engine's host sees it
	write  bool
}

// placesOf are all of a job's places, of which here and host are still the path as given.
func placesOf(j *job.Job) []place {
	all := []place{{option: "--workdir", path: j.Dirs.Work, write: true}, {option: "--metadata-dir", path: j.Dirs.Metadata, write: true}}
	for _, d := range j.OwnDirs()[2:] {
		all = append(all, place{option: "--output", path: d, write: true})
	}
	add := func(p place) {
		if !slices.ContainsFunc(all, func(x place) bool { return x.path == p.path }) {
			all = append(all, p)
		}
	}
	if j.Dirs.Tasklib != "" {
		add(place{option: "--module-dir", path: j.Dirs.Tasklib})
	}
	for _, in := range j.Dirs.Libraries {
		add(place{option: "--library", path: in.Path})
	}
	for _, in := range j.Dirs.Inputs {
		add(place{option: "--input", path: in.Path})
	}
	for i := range all {
		all[i].here = all[i].path
	}
	for _, m := range j.Dirs.Mounts {
		add(place{option: "--mount", path: m.Path, here: m.Host, write: m.Writable})
	}
	return all
}

// locateInPlace finds the places of a job that runs in place, and checks that whoever asks for it may use them. It makes nothing.
// Its error names all that is wrong, and has a cause.
func locateInPlace(ctx context.Context, j *job.Job, eng engine.Engine, log zerolog.Logger) (rootPaths, error) {
	if !engine.IsLocal(eng) {
		return rootPaths{}, cause.Fail(cause.Usage, "", "--in-place: a remote engine cannot mount this node's directories")
	}
	self, err := ownContainer(ctx, eng, log)
	if err != nil {
		return rootPaths{}, err
	}
	who, all := asker(j), placesOf(j)
	var missing, denied []string
	for i := range all {
		p := &all[i]
		switch err := p.check(who); {
		case errors.Is(err, fs.ErrPermission):
			denied = append(denied, fmt.Sprintf("%s %s: user %d may not %s it", p.option, p.here, who.uid, map[bool]string{false: "read", true: "write"}[p.write]))
		case err != nil:
			missing = append(missing, fmt.Sprintf("%s %s: %v", p.option, p.here, plainError(err)))
		default:
			if err := p.resolve(self); err != nil {
				return rootPaths{}, err
			}
		}
	}
	switch {
	case len(denied) > 0:
		return rootPaths{}, cause.Fail(cause.Refused, "", "%s", strings.Join(append(denied, missing...), "; "))
	case len(missing) > 0:
		return rootPaths{}, cause.Fail(cause.StageIn, "are the paths those of this node?", "%s", strings.Join(missing, "; "))
	}
	return rootPaths{dir: filepath.Join(j.LocalPrefix, attemptName(j)), host: ownerInPlace(j), self: self, real: all}, nil
}

// ownerInPlace is what stands in labels, for people, in the place of the attempt's root on the engine's host.
func ownerInPlace(j *job.Job) string { return path.Join("/in-place", j.LocalPrefix, attemptName(j)) }

// ownPrefix refuses a local prefix that somebody else made: its default is below /tmp, where everybody may.
func ownPrefix(prefix string) error {
	st, err := os.Lstat(prefix)
	if err != nil {
		return cause.Name(context.Background(), cause.Usage, "", err)
	}
	if uid := int(st.Sys().(*syscall.Stat_t).Uid); !st.IsDir() || uid != 0 && uid != os.Geteuid() {
		return cause.Fail(cause.Refused, "give another --local-prefix", "the local prefix %s is no directory of this user's", prefix)
	}
	return nil
}

// check is an error where the place is not there, or who may not use it. The metadata dir need not be there yet.
func (p *place) check(who person) error {
	at := p.here
	st, err := os.Stat(at)
	for p.option == "--metadata-dir" && errors.Is(err, fs.ErrNotExist) && at != "/" {
		at = path.Dir(at)
		st, err = os.Stat(at)
	}
	if err == nil && p.write && p.option != "--mount" && !st.IsDir() {
		return syscall.ENOTDIR
	}
	if err != nil {
		return err
	}
	return who.may(at, p.write)
}

// resolve finds the place without links, and on the engine's host.
func (p *place) resolve(self *engine.Self) error {
	given := p.here
	real, err := filepath.EvalSymlinks(given)
	if errors.Is(err, fs.ErrNotExist) { // a metadata dir that is to be made
		parent, e := filepath.EvalSymlinks(path.Dir(given))
		real, err = path.Join(parent, path.Base(given)), e
	}
	if err != nil {
		return cause.Fail(cause.StageIn, "", "%s %s: %w", p.option, given, plainError(err))
	}
	p.here, p.host = real, real
	if self == nil {
		return nil
	}
	m := mountOf(*self, real)
	switch {
	case m == nil:
		return cause.Fail(cause.Usage, fmt.Sprintf("start ferry's container with -v %s:%s", real, real), "%s %s is not a mount of the host, so no other container can see it", p.option, given)
	case m.ReadOnly && p.write:
		return cause.Fail(cause.Usage, "", "%s %s is mounted read-only in ferry's own container", p.option, given)
	}
	p.host = m.onHost(real)
	return nil
}

// plainError is an error of a path without the path, which the message names already.
func plainError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// mountsInPlace are the mounts of a job in place. What lies in a mounted directory just so needs no mount of its own.
func mountsInPlace(j *job.Job, paths rootPaths) []engine.Mount {
	var all []engine.Mount
	for _, p := range paths.real {
		if j.Container.Engine == job.EngineProcess && p.here == p.path {
			continue // the module sees this node's directories anyway
		}
		within := func(o place) bool {
			rel, ok := strings.CutPrefix(p.path, o.path+"/")
			return ok && o.write == p.write && p.here == o.here+"/"+rel
		}
		if !slices.ContainsFunc(paths.real, within) {
			all = append(all, engine.Mount{Source: p.host, Target: p.path, ReadOnly: !p.write})
		}
	}
	return all
}

// withHome gives the module a home that its user may write: an image seldom knows the user.
func withHome(env []string, home string) []string {
	if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") }) {
		return env
	}
	return append(slices.Clone(env), "HOME="+home)
}
