package docker

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
)

// Whether SELinux confines containers, as engines say it: Docker 20.10 and 28, Podman 4.3 and 5.
func TestSELinuxOf(t *testing.T) {
	for _, c := range []struct {
		options []string
		want    int32
	}{
		{nil, selinuxOff},
		{[]string{"name=seccomp,profile=default"}, selinuxOff},
		{[]string{"name=seccomp,profile=builtin", "name=cgroupns"}, selinuxOff},
		{[]string{"name=seccomp,profile=default", "name=selinux"}, selinuxOn},
		{[]string{"name=selinux", "name=rootless"}, selinuxOn},
		{[]string{"name=seccomp,profile=selinux"}, selinuxOff},
	} {
		if got := selinuxOf(c.options); got != c.want {
			t.Errorf("%q: %d", c.options, got)
		}
	}
}

// What ferry made is labelled for containers. What it did not make keeps its labels, and the container its sight of it.
func TestBind(t *testing.T) {
	own := engine.Mount{Source: "/local/1.1/jobs/1", Target: "/jobs/1", Own: true}
	input := engine.Mount{Source: "/local/1.1/in", Target: "/in", Own: true, ReadOnly: true}
	home := engine.Mount{Source: "/home/ann", Target: "/home/ann", ReadOnly: true}
	colon := engine.Mount{Source: "/local/1.1/a:b", Target: "/a:b", Own: true}
	for name, c := range map[string]struct {
		mounts   []engine.Mount
		confined bool
		binds    []string
		options  []string
	}{
		"no SELinux":       {[]engine.Mount{own, home}, false, nil, nil},
		"the job's own":    {[]engine.Mount{own, input}, true, []string{"/local/1.1/jobs/1:/jobs/1:z", "/local/1.1/in:/in:ro,z"}, nil},
		"somebody's home":  {[]engine.Mount{own, home}, true, nil, []string{"label=disable"}},
		"a colon in names": {[]engine.Mount{own, colon}, true, nil, []string{"label=disable"}},
		"no mounts":        {nil, true, nil, nil},
	} {
		var h container.HostConfig
		bind(&h, c.mounts, c.confined)
		if !slices.Equal(h.Binds, c.binds) || !slices.Equal(h.SecurityOpt, c.options) || len(h.Binds)+len(h.Mounts) != len(c.mounts) {
			t.Errorf("%s: %+v", name, h)
		}
		for i, m := range h.Mounts {
			if m.Source != c.mounts[i].Source || m.Target != c.mounts[i].Target || m.ReadOnly != c.mounts[i].ReadOnly {
				t.Errorf("%s: %+v", name, m)
			}
		}
	}
}
