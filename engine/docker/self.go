package docker

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// idInPath finds the container's id in the sources of the files that the engine mounts into every container, such as
// /var/lib/docker/containers/<id>/resolv.conf, or Podman's /run/containers/storage/overlay-containers/<id>/userdata/resolv.conf. It is there whatever the cgroup version and with the host's network,
// where neither /proc/self/cgroup nor the host name tell it.
var idInPath = regexp.MustCompile(`/(?:[a-z]+-)?containers/([0-9a-f]{64})/(?:userdata/)?(?:resolv\.conf|hostname|hosts) /etc/`)

// upperInRoot finds where the engine keeps what a container writes, in the line of its root. No two containers have it in common.
var upperInRoot = regexp.MustCompile(`(?m)^\S+ \S+ \S+ \S+ / .*[ ,]upperdir=([^, \n]+)`)

// ownUpper is that directory of the container this process runs in, reading the text of /proc/self/mountinfo; "" where that does not say it.
func ownUpper(mountinfo string) string {
	if m := upperInRoot.FindStringSubmatch(mountinfo); m != nil {
		return m[1]
	}
	return ""
}

// itself is the container of those that run that this process is in. A container that shares another's network (docker run --network
// container:NAME, or a task of ECS in awsvpc) has that one's resolv.conf and host name, so first may be the other. No two containers write
// to the same place; where that is not known, the container is one that runs this very program.
func itself(ctx context.Context, e *conn, first container.InspectResponse, upper string, this func() (program, bool)) (container.InspectResponse, error) {
	byUpper := upper != "" && first.GraphDriver.Data["UpperDir"] != ""
	if byUpper && first.GraphDriver.Data["UpperDir"] == upper {
		return first, nil
	}
	list, err := e.cli.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return first, e.explain("listing containers", err)
	}
	var found []container.InspectResponse
	for _, c := range list {
		if !byUpper && c.ID != first.ID && !joins(c.HostConfig.NetworkMode, first) {
			continue
		}
		in, err := e.container(ctx, c.ID)
		if err != nil {
			continue // it has ended meanwhile, and so is another
		}
		if is := in.GraphDriver.Data["UpperDir"] == upper; byUpper && is || !byUpper && runs(ctx, e, c.ID, this) {
			found = append(found, in)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return first, fmt.Errorf("ferry's own container, which is not %.12s whose network it is in: %w", first.ID, engine.ErrNoContainer)
	}
	return first, fmt.Errorf("ferry's own container is one of %d that run ferry in the network of %.12s, and nothing says which: %w", len(found), first.ID, engine.ErrNoContainer)
}

// joins says that a container of this network mode is in the network of another.
func joins(mode string, other container.InspectResponse) bool {
	name, ok := strings.CutPrefix(mode, "container:")
	return ok && name != "" && (strings.HasPrefix(other.ID, name) || strings.TrimPrefix(other.Name, "/") == name)
}

// A program is what tells one build of a program from others and from those of other images.
type program struct {
	path     string
	size     int64
	modified int64 // seconds since 1970, as archives have them
}

// thisProgram is the one that runs; false where the system does not tell.
func thisProgram() (program, bool) {
	path, err := os.Executable()
	if err != nil {
		return program{}, false
	}
	st, err := os.Stat(path)
	if err != nil {
		return program{}, false
	}
	return program{path, st.Size(), st.ModTime().Unix()}, true
}

// runs says that a container has a program where this process has it.
func runs(ctx context.Context, e *conn, id string, this func() (program, bool)) bool {
	want, ok := this()
	if !ok {
		return false
	}
	st, err := e.cli.ContainerStatPath(ctx, id, want.path)
	return err == nil && st.Size == want.size && st.Mtime.Unix() == want.modified
}

// ownID finds the id of the container this process runs in, reading the text of /proc/self/mountinfo; "" on a host.
func ownID(mountinfo io.Reader) string {
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := idInPath.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	return ""
}

// maxMountinfo bounds what is read of it, in bytes.
const maxMountinfo = 16 << 20

// Self implements engine.SelfFinder.
func (e *Engine) Self(ctx context.Context) (*engine.Self, error) {
	text, err := bounded.File(e.mountinfo, maxMountinfo)
	if err != nil {
		return nil, nil // no Linux, so no container
	}
	told := taskID(ctx, e.task)
	id := cmp.Or(told, ownID(bytes.NewReader(text)))
	if id == "" {
		return nil, nil
	}
	in, err := e.container(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("ferry's own container %.12s: %w", id, engine.ErrNoContainer)
	}
	if err != nil {
		return nil, e.explain("inspecting ferry's own container", err)
	}
	if told == "" {
		if in, err = itself(ctx, e.conn, in, ownUpper(string(text)), e.program); err != nil {
			return nil, err
		}
	}
	self := &engine.Self{ID: in.ID}
	for _, m := range in.Mounts {
		if m.Source != "" {
			self.Mounts = append(self.Mounts, engine.SelfMount{Name: m.Name, Source: m.Source, Destination: m.Destination, ReadOnly: !m.RW})
		}
	}
	if h := in.HostConfig; h != nil {
		self.Limits = limitsOf(h, in.Config)
	}
	return self, nil
}

func limitsOf(h *container.HostConfig, conf *container.Config) engine.Limits {
	l := engine.Limits{
		Memory: h.Memory, NanoCPUs: h.NanoCPUs, CPUShares: h.CPUShares, CPUSet: h.CpusetCpus,
		ShmSize: h.ShmSize, CgroupParent: h.CgroupParent,
	}
	if l.NanoCPUs == 0 && h.CPUQuota > 0 && h.CPUPeriod > 0 {
		l.NanoCPUs = h.CPUQuota * 1e9 / h.CPUPeriod
	}
	if h.PidsLimit != nil && *h.PidsLimit > 0 {
		l.PIDs = *h.PidsLimit
	}
	for _, d := range h.DeviceRequests {
		switch {
		case len(d.DeviceIDs) > 0:
			l.GPUs = strings.Join(d.DeviceIDs, ",")
		case d.Count < 0:
			l.GPUs = "all"
		case d.Count > 0:
			l.GPUs = fmt.Sprint(d.Count)
		}
	}
	// On ECS, and so on AWS Batch, a job's GPUs are named in this variable and the runtime is nvidia's.
	if conf != nil && l.GPUs == "" && h.Runtime == "nvidia" {
		for _, v := range conf.Env {
			if ids, ok := strings.CutPrefix(v, "NVIDIA_VISIBLE_DEVICES="); ok && ids != "" && ids != "void" {
				l.GPUs, l.Runtime = ids, h.Runtime
			}
		}
	}
	return l
}
