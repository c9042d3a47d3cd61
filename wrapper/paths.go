package wrapper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// rootPaths say where an attempt stands, to ferry and to the engine.
type rootPaths struct {
	dir  string       // the attempt's root as ferry sees it
	host string       // the same as the engine's host sees it
	self *engine.Self // ferry's own container, nil on a host
}

// locate finds where the attempt of a job stands. It makes nothing.
func locate(ctx context.Context, j *job.Job, eng engine.Engine, log zerolog.Logger) (rootPaths, error) {
	prefix, self, err := hostPrefix(ctx, j, eng, log)
	if err != nil {
		return rootPaths{}, err
	}
	name := fmt.Sprintf("%s.%d", j.Identity.ID, j.Identity.Attempt)
	return rootPaths{dir: filepath.Join(j.LocalPrefix, name), host: path.Join(prefix, name), self: self}, nil
}

// hostPrefix finds what the engine's host calls the local prefix: a bind mount's source is looked up there, not here.
func hostPrefix(ctx context.Context, j *job.Job, eng engine.Engine, log zerolog.Logger) (string, *engine.Self, error) {
	local := engine.IsLocal(eng)
	self, err := engine.SelfOf(ctx, eng)
	if errors.Is(err, engine.ErrNoContainer) {
		// Another node's engine knows nothing of this one's containers, and one that runs in ferry's own container nothing
		// of what is around it. Where it is neither, the mounts have no source, which the engine says when it is asked for them.
		if self, err = nil, nil; local {
			log.Warn().Msg("the engine does not know the container ferry runs in; its paths are taken for the engine's own")
		}
	}
	if err != nil {
		return "", nil, &cause.Error{Cause: cause.Engine, Hint: "is the mounted socket that of the engine ferry runs in?", Err: err}
	}
	switch {
	case j.Container.Placement == job.PlaceCopy:
		prefix, err := copyPrefix(j, local)
		return prefix, self, err
	case !local:
		return "", nil, cause.Fail(cause.Usage, "use --stage copy", "a remote engine cannot mount this node's directories")
	case self == nil:
		return j.LocalPrefix, nil, nil
	}
	prefix, err := HostPath(*self, j.LocalPrefix)
	return prefix, self, err
}

// copyPrefix stands for the local prefix where no container mounts it. On a remote engine, which other nodes with the same
// prefix may use too, it has this node's name in it: containers of theirs are not this node's to remove.
func copyPrefix(j *job.Job, local bool) (string, error) {
	if local {
		return j.LocalPrefix, nil
	}
	for _, m := range j.Dirs.Mounts {
		if m.Host != "" {
			return "", cause.Fail(cause.Usage, "", "--mount %s:%s: a remote engine cannot mount this node's directories", m.Host, m.Path)
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return "", cause.Fail(cause.Internal, "", "this node's name: %w", err)
	}
	return path.Join("/", name, j.LocalPrefix), nil
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
