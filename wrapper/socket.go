package wrapper

import (
	"path/filepath"
	"slices"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// sockets are where engines listen on a node, besides the one that ferry uses. Whoever may write to one is root on the node.
var sockets = []string{"/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock"}

// noSocket refuses a directory of the node with an engine's socket in it. Where ferry is in a container it cannot follow the node's links.
func (p rootPaths) noSocket(j *job.Job, own string) error {
	if j.Container.Engine == job.EngineProcess {
		return nil // the module sees the node as ferry does
	}
	all := slices.Clone(sockets)
	if own != "" {
		all = append(all, withoutLinks(own))
		if p.self == nil {
			all = append(all, own)
		} else if m := mountOf(*p.self, own); m != nil {
			all = append(all, m.onHost(own))
		}
	}
	refuse := func(option, dir string) error {
		for _, d := range []string{dir, withoutLinks(dir)} {
			for _, s := range all {
				if subpath.Within(d, s) {
					return cause.Fail(cause.Refused, "mount directories without it", "%s %s: the engine's socket %s is there, and who has it is root on this node", option, dir, s)
				}
			}
		}
		return nil
	}
	for _, m := range j.Dirs.Mounts {
		if m.Host == "" {
			continue
		}
		if err := refuse("--mount", m.Host); err != nil {
			return err
		}
	}
	for _, m := range p.real {
		if err := refuse(m.option, m.host); err != nil {
			return err
		}
	}
	return nil
}

// withoutLinks is the path without links, or the path where it cannot be followed.
func withoutLinks(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	return filepath.Clean(p)
}
