package docker

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/genepattern/ferry/engine"
)

// Create implements engine.Engine. The container gets no capabilities but those asked for, cannot gain any, and has an
// init process, so that a shell that ignores TERM still ends.
func (e *Engine) Create(ctx context.Context, s engine.Spec) (engine.Container, error) {
	net := s.Network
	var joining *network.NetworkingConfig
	if net == engine.OwnNetwork {
		var err error
		if net, err = e.networks.own(ctx); err != nil {
			return nil, err
		}
		joining = e.networks.joining(net)
	}
	if err := sources(e, s.Mounts); err != nil {
		return nil, err
	}
	yes := true
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(net),
		CapDrop:     []string{"ALL"},
		CapAdd:      s.CapAdd,
		GroupAdd:    s.Groups,
		SecurityOpt: []string{"no-new-privileges"},
		Init:        &yes,
		ShmSize:     s.Limits.ShmSize,
		Runtime:     s.Limits.Runtime,
		// The streams reach ferry by attaching; a second copy in the engine's log files would fill the node's disk.
		LogConfig: container.LogConfig{Type: "none"},
		Resources: resources(s.Limits),
	}
	confined, err := confines(ctx, e)
	if err != nil {
		return nil, err
	}
	bind(host, s.Mounts, confined)
	conf := &container.Config{
		Image: s.Image.ID, Entrypoint: s.Command, Env: slices.Concat(s.Env, gpuEnv(s.Limits)), WorkingDir: s.Workdir, User: s.User,
		Labels: ownLabels(s.Labels, s.Image.Labels), AttachStdout: true, AttachStderr: true,
	}
	made, err := e.cli.ContainerCreate(ctx, conf, host, joining, nil, s.Name)
	if err == nil && made.ID == "" {
		err = errNonsense
	}
	if err != nil {
		return nil, e.launching(fmt.Sprintf("creating a container of %q", s.Image.Ref), err)
	}
	c := &Container{conn: e.conn, id: made.ID, of: programs{image: inImage(s), known: e.known}, watched: e.Local() && (s.Limits.Memory > 0 || s.Limits.CgroupParent != "")}
	if len(s.Command) > 0 && path.IsAbs(s.Command[0]) {
		c.of.command = s.Command[0]
	}
	return c, nil
}

func resources(l engine.Limits) container.Resources {
	r := container.Resources{Memory: l.Memory, NanoCPUs: l.NanoCPUs, CPUShares: l.CPUShares, CpusetCpus: l.CPUSet, CgroupParent: l.CgroupParent}
	if l.Memory > 0 {
		r.MemorySwap = l.Memory // no swap on top, as AWS Batch does
	}
	if l.PIDs > 0 {
		r.PidsLimit = &l.PIDs
	}
	if l.GPUs != "" && l.GPUs != "none" && l.Runtime == "" {
		d := container.DeviceRequest{Capabilities: [][]string{{"gpu"}}}
		if n, err := strconv.Atoi(l.GPUs); err == nil {
			d.Count = n
		} else if l.GPUs == "all" {
			d.Count = -1
		} else {
			d.DeviceIDs = strings.Split(l.GPUs, ",")
		}
		r.DeviceRequests = []container.DeviceRequest{d}
	}
	return r
}

// gpuEnv keeps an image with NVIDIA_VISIBLE_DEVICES=all from seeing every GPU where nvidia's is the runtime.
func gpuEnv(l engine.Limits) []string {
	switch {
	case l.GPUs == "" || l.GPUs == "none":
		return []string{"NVIDIA_VISIBLE_DEVICES=void"}
	case l.Runtime != "":
		return []string{"NVIDIA_VISIBLE_DEVICES=" + l.GPUs}
	}
	return nil
}
