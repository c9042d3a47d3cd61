package wrapper

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// rootPaths are the paths of an attempt's root.
type rootPaths struct {
	dir  string       // the attempt's root as ferry sees it
	host string       // the same as the engine's host sees it
	self *engine.Self // ferry's own container, nil on a host
	real []place      // where a job's directories are that runs in place; else nil, and they are in the root
}

// locate finds the paths of the attempt's root. It makes nothing.
func locate(ctx context.Context, j *job.Job, eng engine.Engine, log zerolog.Logger) (rootPaths, error) {
	if j.Dirs.InPlace {
		return locateInPlace(ctx, j, eng, log)
	}
	prefix, self, err := hostPrefix(ctx, j, eng, log)
	if err != nil {
		return rootPaths{}, err
	}
	name := attemptName(j)
	return rootPaths{dir: filepath.Join(j.LocalPrefix, name), host: path.Join(prefix, name), self: self}, nil
}

// attemptName is the name of the attempt's root in the local prefix.
func attemptName(j *job.Job) string { return fmt.Sprintf("%s.%d", j.Identity.ID, j.Identity.Attempt) }

// hostPrefix finds the path of the local prefix on the engine's host. The host looks up a bind mount's source in its own file
// system, not in that of ferry's container.
func hostPrefix(ctx context.Context, j *job.Job, eng engine.Engine, log zerolog.Logger) (string, *engine.Self, error) {
	local := engine.IsLocal(eng)
	self, err := ownContainer(ctx, eng, log)
	if err != nil {
		return "", nil, err
	}
	if err := onVolume(j, self); err != nil {
		return "", nil, err
	}
	switch {
	case j.Container.Placement == job.PlaceCopy:
		return j.LocalPrefix, self, copyable(j, local)
	case !local:
		return "", nil, cause.Fail(cause.Usage, "use --stage copy", "a remote engine cannot mount this node's directories")
	case self == nil:
		return j.LocalPrefix, nil, nil
	}
	prefix, err := HostPath(*self, j.LocalPrefix)
	return prefix, self, err
}

// onVolume is --volume: the local prefix is on that volume of the engine's, which ferry's own container has.
func onVolume(j *job.Job, self *engine.Self) error {
	name := j.Container.Volume
	if name == "" {
		return nil
	}
	hint := fmt.Sprintf("docker run -v %s:%s -v /var/run/docker.sock:/var/run/docker.sock TRANSFER_IMAGE run --volume %s …", name, j.LocalPrefix, name)
	if self == nil {
		return cause.Fail(cause.Usage, hint, "--volume %s: ferry does not run in a container of the engine, and so cannot have its volumes", name)
	}
	if m := mountOf(*self, j.LocalPrefix); m == nil || m.Name != name {
		return cause.Fail(cause.Usage, hint, "--volume %s: --local-prefix %s is not on it", name, j.LocalPrefix)
	}
	return nil
}

// ownContainer is ferry's own container, nil on a host.
func ownContainer(ctx context.Context, eng engine.Engine, log zerolog.Logger) (*engine.Self, error) {
	self, err := engine.SelfOf(ctx, eng)
	if errors.Is(err, engine.ErrNoContainer) {
		// An engine on another node does not know this node's containers, and an engine in ferry's own container does not know
		// that container. Any other engine refuses the mounts later, because their sources do not exist.
		if self, err = nil, nil; engine.IsLocal(eng) {
			log.Warn().Msg("the engine does not know the container ferry runs in; its paths are taken for the engine's own")
		}
	}
	if err != nil {
		return nil, &cause.Error{Cause: cause.Engine, Hint: "is the mounted socket that of the engine ferry runs in?", Err: err}
	}
	return self, nil
}

// copyable is an error where a remote engine is to mount a directory of this node.
func copyable(j *job.Job, local bool) error {
	for _, m := range j.Dirs.Mounts {
		if m.Host != "" && !local {
			return cause.Fail(cause.Usage, "", "--mount %s:%s: a remote engine cannot mount this node's directories", m.Host, m.Path)
		}
	}
	return nil
}

// HostPath is the path on the engine's host of p, a path in ferry's own container. Where p is in no writable mount, the error
// has the cause cause.Usage.
func HostPath(self engine.Self, p string) (string, error) {
	best := mountOf(self, p)
	hint := fmt.Sprintf("start ferry's container with -v /some/dir:%s", p)
	switch {
	case best == nil:
		return "", cause.Fail(cause.Usage, hint, "--local-prefix %s is not a mount of the host, so no other container can see it", p)
	case best.ReadOnly:
		return "", cause.Fail(cause.Usage, hint, "--local-prefix %s is mounted read-only", p)
	}
	return best.onHost(p), nil
}

// A selfMount is a mount of ferry's own container.
type selfMount engine.SelfMount

// mountOf is the innermost mount that p is in, nil where p is in none.
func mountOf(self engine.Self, p string) *selfMount {
	var best *selfMount
	for _, m := range self.Mounts {
		if subpath.Within(m.Destination, p) && (best == nil || len(m.Destination) > len(best.Destination)) {
			found := selfMount(m)
			best = &found
		}
	}
	return best
}

func (m *selfMount) onHost(p string) string {
	return path.Join(m.Source, strings.TrimPrefix(p, path.Clean(m.Destination)))
}
