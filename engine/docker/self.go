package docker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
)

// idInPath finds the container's id in the sources of the files that the engine mounts into every container, such as
// /var/lib/docker/containers/<id>/resolv.conf. It is there whatever the cgroup version and with the host's network,
// where neither /proc/self/cgroup nor the host name tell it.
var idInPath = regexp.MustCompile(`/containers/([0-9a-f]{64})/(?:resolv\.conf|hostname|hosts) /etc/`)

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

// Self implements engine.SelfFinder.
func (e *Engine) Self(ctx context.Context) (*engine.Self, error) {
	f, err := os.Open(e.mountinfo)
	if err != nil {
		return nil, nil // no Linux, so no container
	}
	id := ownID(f)
	_ = f.Close()
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
	self := &engine.Self{ID: id}
	for _, m := range in.Mounts {
		if m.Source != "" {
			self.Mounts = append(self.Mounts, engine.SelfMount{Source: m.Source, Destination: m.Destination, ReadOnly: !m.RW})
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
