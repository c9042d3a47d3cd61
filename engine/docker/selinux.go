package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/genepattern/ferry/engine"
)

// Values of Engine.selinux.
const (
	selinuxUnknown = iota
	selinuxOff
	selinuxOn
)

// selinuxOf is whether the engine confines its containers by SELinux: it says so only where the host has it and the engine uses it.
func selinuxOf(options []string) int32 {
	for _, o := range options {
		if name, _, _ := strings.Cut(strings.TrimPrefix(o, "name="), ","); name == "selinux" {
			return selinuxOn
		}
	}
	return selinuxOff
}

// confines reports whether the engine's containers see only files with labels of theirs.
func confines(ctx context.Context, e *Engine) (bool, error) {
	if e.selinux.Load() == selinuxUnknown {
		if _, err := e.Info(ctx); err != nil {
			return false, err
		}
	}
	return e.selinux.Load() == selinuxOn, nil
}

// bind has the engine mount a node's directories. Under SELinux a container may not read what has no label of containers. What ferry made for the job
// gets one, which all containers share ("z"), as ferry itself may be in one. Labels of other directories, such as somebody's home, are not
// changed, because programs of the node need them: a module that is given one of these runs without SELinux's confinement.
func bind(host *container.HostConfig, mounts []engine.Mount, confined bool) {
	foreign := func(m engine.Mount) bool { return !m.Own || strings.Contains(m.Source+m.Target, ":") } // the older form parts by it
	if confined && slices.ContainsFunc(mounts, foreign) {
		host.SecurityOpt = append(host.SecurityOpt, "label=disable")
		confined = false
	}
	for _, m := range mounts {
		if confined {
			how := "z"
			if m.ReadOnly {
				how = "ro,z"
			}
			host.Binds = append(host.Binds, m.Source+":"+m.Target+":"+how)
			continue
		}
		// A mount object: a missing source is an error, where the older form would make a directory owned by root.
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
}
