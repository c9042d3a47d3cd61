package docker

import (
	"reflect"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
)

// What ferry's own container has of GPUs, by the engine's own way or by that of ECS, and what the module's gets of it.
func TestGPUs(t *testing.T) {
	request := func(count int, ids ...string) *container.HostConfig {
		h := &container.HostConfig{}
		h.DeviceRequests = []container.DeviceRequest{{Count: count, DeviceIDs: ids, Capabilities: [][]string{{"gpu"}}}}
		return h
	}
	ecs := &container.Config{Env: []string{"PATH=/bin", "NVIDIA_VISIBLE_DEVICES=GPU-1,GPU-2"}}
	for name, c := range map[string]struct {
		host *container.HostConfig
		conf *container.Config
		want engine.Limits
	}{
		"none":    {&container.HostConfig{}, nil, engine.Limits{}},
		"all":     {request(-1), nil, engine.Limits{GPUs: "all"}},
		"two":     {request(2), nil, engine.Limits{GPUs: "2"}},
		"by id":   {request(0, "GPU-1", "GPU-2"), nil, engine.Limits{GPUs: "GPU-1,GPU-2"}},
		"of ECS":  {&container.HostConfig{Runtime: "nvidia"}, ecs, engine.Limits{GPUs: "GPU-1,GPU-2", Runtime: "nvidia"}},
		"env but": {&container.HostConfig{Runtime: "runc"}, ecs, engine.Limits{}},
	} {
		got := limitsOf(c.host, c.conf)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		back := resources(got).DeviceRequests
		switch {
		case got.Runtime != "" || got.GPUs == "":
			if back != nil {
				t.Errorf("%s: the module's container asks for %+v", name, back)
			}
		case !reflect.DeepEqual(back, c.host.DeviceRequests) && !(len(back) == 1 && len(back[0].DeviceIDs) == 0 && back[0].Count == c.host.DeviceRequests[0].Count):
			t.Errorf("%s: the module's container asks for %+v, ferry's has %+v", name, back, c.host.DeviceRequests)
		}
	}
	// An image with NVIDIA_VISIBLE_DEVICES=all sees none but what it is given.
	for gpus, want := range map[string][]string{"": {"NVIDIA_VISIBLE_DEVICES=void"}, "none": {"NVIDIA_VISIBLE_DEVICES=void"}, "all": nil} {
		if got := gpuEnv(engine.Limits{GPUs: gpus}); !reflect.DeepEqual(got, want) {
			t.Errorf("GPUs %q: %q", gpus, got)
		}
	}
	if got := gpuEnv(engine.Limits{GPUs: "GPU-1", Runtime: "nvidia"}); !reflect.DeepEqual(got, []string{"NVIDIA_VISIBLE_DEVICES=GPU-1"}) {
		t.Errorf("of ECS: %q", got)
	}
}
