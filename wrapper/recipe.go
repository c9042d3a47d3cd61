package wrapper

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/wrapper/node"
)

// defaultPIDs bounds the module's processes and threads where nothing else does. It is far above what tools need, and below what
// stops a node.
const defaultPIDs = 32768

// A recipe is all that decides how the module's container is made.
type recipe struct {
	job   *job.Job
	paths rootPaths
	from  supply
	image engine.Image
	id    string // of the attempt
}

// spec is the container to make, with the shell that its image has.
func (r recipe) spec(shell string) engine.Spec {
	c := r.job.Container
	var groups []string
	env := r.job.Program.Env
	if r.job.Dirs.InPlace && c.User == job.UserCaller {
		groups, env = asker(r.job).further(), withHome(env, r.job.Dirs.Work)
	}
	return engine.Spec{
		Name:    r.name(),
		Image:   r.image,
		Command: r.job.Argv(shell),
		Env:     env,
		Workdir: r.job.Dirs.Work,
		User:    userFor(r.job, r.image),
		Groups:  groups,
		Mounts:  mounts(r.job, r.paths, r.from.seen()),
		Labels:  r.labels(),
		Network: c.Network,
		CapAdd:  c.CapAdd,
		Limits:  limits(c.Limits, r.paths.self),
	}
}

// name is the container's name. It tells people which job it is. The hash is different for each ferry: jobs below different local
// prefixes may have the same id, and so have a job and what is left of it.
func (r recipe) name() string {
	sum := sha256.Sum256([]byte(r.paths.host + r.id))
	return fmt.Sprintf("ferry-%s.%d-%s", job.Usable(r.job.Identity.ID), r.job.Identity.Attempt, hex.EncodeToString(sum[:4]))
}

func (r recipe) labels() map[string]string {
	id := r.job.Identity
	l := map[string]string{node.LabelJob: id.ID, node.LabelAttempt: strconv.Itoa(id.Attempt), node.LabelOwner: r.paths.host, node.LabelID: r.id, commit.LabelContainer: r.origin()}
	if r.job.Keep {
		l[node.LabelKeep] = "true"
	}
	return l
}

// origin is the label by which `ferry commit` knows what the container was made for.
func (r recipe) origin() string {
	m := r.job.Module
	return commit.Origin{Name: m.Name, LSID: m.LSID, Job: r.job.Identity.ID, Dirs: subpath.Outermost(frozenDirs(r.job))}.Label()
}

// mounts are the directories of the node that the module sees: those in the attempt's root, unless they are copied, and those
// of --mount. Outer directories come first, so that inner ones are laid over them. seen are the job's paths in the root.
func mounts(j *job.Job, paths rootPaths, seen []string) []engine.Mount {
	var all []engine.Mount
	switch {
	case j.Dirs.InPlace:
		all = mountsInPlace(j, paths)
	case j.Container.Placement == job.PlaceMount:
		for _, d := range seen {
			all = append(all, engine.Mount{Source: path.Join(paths.host, inRoot(d)), Target: d, ReadOnly: j.Container.ReadOnlyInputs && !j.Writable(d), Own: true})
		}
	}
	for _, m := range j.Dirs.Mounts {
		if m.Host != "" && !j.Dirs.InPlace {
			all = append(all, engine.Mount{Source: m.Host, Target: m.Path, ReadOnly: !m.Writable})
		}
	}
	slices.SortStableFunc(all, func(x, y engine.Mount) int { return len(x.Target) - len(y.Target) })
	return all
}

// limits are the job's own, else those of ferry's own container. The module's container is beside ferry's, not inside it, and
// would otherwise escape those limits.
func limits(own job.Limits, self *engine.Self) engine.Limits {
	var l engine.Limits
	if self != nil {
		l = self.Limits
	}
	if own.Memory > 0 {
		l.Memory = own.Memory
	}
	if own.CPUs > 0 {
		l.NanoCPUs = int64(own.CPUs * 1e9)
	}
	if own.PIDs > 0 {
		l.PIDs = own.PIDs
	}
	if l.PIDs == 0 {
		l.PIDs = defaultPIDs
	}
	if own.GPUs != "" {
		l.GPUs, l.Runtime = own.GPUs, ""
	}
	return l
}
