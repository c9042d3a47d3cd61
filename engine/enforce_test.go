package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

var (
	everything = engine.Enforces{Memory: true, CPUs: true, PIDs: true, Network: true, ReadOnly: true, User: true, GPUs: true}
	nothing    = engine.Enforces{}
)

func TestCheck(t *testing.T) {
	greedy := engine.Wanted{Limits: engine.Limits{Memory: 1 << 30, NanoCPUs: 15e8, PIDs: 100, GPUs: "all"}, Network: "lab", ReadOnlyMounts: true}
	noNetwork := engine.Enforces{NoNetwork: true}
	noPIDs := everything
	noPIDs.PIDs = false
	for _, c := range []struct {
		about   string
		has     engine.Enforces
		wanted  engine.Wanted
		warned  []string
		refused []string
	}{
		{"nothing asked of nothing", nothing, engine.Wanted{}, nil, nil},
		{"the default network", nothing, engine.Wanted{Network: "bridge"}, nil, nil},
		{"the host's network", nothing, engine.Wanted{Network: "host"}, nil, nil},
		{"inherited limits are not asked for", nothing, engine.Wanted{Limits: engine.Limits{CPUShares: 2, CPUSet: "0", ShmSize: 1, CgroupParent: "/x"}}, nil, nil},
		{"all bounds of nothing", nothing, greedy, []string{"--memory", "--cpus", "--pids", "--gpus", "--network lab", "--mount"}, nil},
		{"all bounds of everything", everything, greedy, nil, nil},
		{"one of them", noPIDs, greedy, []string{"--pids"}, nil},
		{"no GPUs, of nothing", nothing, engine.Wanted{Limits: engine.Limits{GPUs: "none"}}, []string{"--gpus"}, nil},
		{"no network, of nothing", nothing, engine.Wanted{Network: "none"}, nil, []string{"--network none"}},
		{"no network, of an engine that has that alone", noNetwork, engine.Wanted{Network: "none"}, nil, nil},
		{"a network, of such an engine", noNetwork, engine.Wanted{Network: "lab"}, []string{"--network lab"}, nil},
		{"no network, of everything", everything, engine.Wanted{Network: "none"}, nil, nil},
		{"read-only inputs, of nothing", nothing, engine.Wanted{ReadOnlyInputs: true}, nil, []string{"--read-only-inputs"}},
		{"read-only inputs, of everything", everything, engine.Wanted{ReadOnlyInputs: true}, nil, nil},
		{"both, and a bound", nothing, engine.Wanted{Network: "none", ReadOnlyInputs: true, Limits: engine.Limits{Memory: 1}}, nil, []string{"--network none", "--read-only-inputs"}},
	} {
		warned, err := engine.Check(engine.Info{Name: "some", Enforces: c.has}, c.wanted)
		if len(warned) != len(c.warned) {
			t.Errorf("%s: warnings %q, want %q", c.about, warned, c.warned)
			continue
		}
		for i, w := range warned {
			if !strings.Contains(w, c.warned[i]) || !strings.Contains(w, "some") {
				t.Errorf("%s: warning %q names not %s", c.about, w, c.warned[i])
			}
		}
		if (err != nil) != (c.refused != nil) || err != nil && (cause.Of(err) != cause.Refused || cause.HintOf(err) == "") {
			t.Errorf("%s: %v", c.about, err)
		}
		for _, flag := range c.refused {
			if err == nil || !strings.Contains(err.Error(), flag) {
				t.Errorf("%s: %v names not %s", c.about, err, flag)
			}
		}
	}
}

func TestHeld(t *testing.T) {
	all := engine.Limits{Memory: 1, NanoCPUs: 2, CPUShares: 3, CPUSet: "0", PIDs: 4, ShmSize: 5, GPUs: "all", Runtime: "nvidia", CgroupParent: "/x"}
	if got := everything.Held(all); got != all {
		t.Errorf("of everything: %+v", got)
	}
	if got, want := nothing.Held(all), (engine.Limits{ShmSize: 5}); got != want {
		t.Errorf("of nothing: %+v", got)
	}
	memory := engine.Enforces{Memory: true}
	if got, want := memory.Held(all), (engine.Limits{Memory: 1, ShmSize: 5, CgroupParent: "/x"}); got != want {
		t.Errorf("of memory: %+v", got)
	}
}

func TestEnforcesAsJSON(t *testing.T) {
	for text, info := range map[string]engine.Info{
		`{"name":"a","version":"1","enforces":[]}`:                                                           {Name: "a", Version: "1"},
		`{"name":"a","version":"1","enforces":["memory","cpus","pids","network","read-only","user","gpus"]}`: {Name: "a", Version: "1", Enforces: everything},
		`{"name":"a","version":"1","enforces":["cpus","user"]}`:                                              {Name: "a", Version: "1", Enforces: engine.Enforces{CPUs: true, User: true}},
	} {
		got, err := json.Marshal(info)
		if err != nil || string(got) != text {
			t.Errorf("%+v: %s, %v", info, got, err)
		}
		var back engine.Info
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != info {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
	}
	var later engine.Enforces
	if err := json.Unmarshal([]byte(`["memory","time travel"]`), &later); err != nil || !slices.Equal(later.Names(), []string{"memory"}) {
		t.Errorf("of a later ferry: %v, %v", later.Names(), err)
	}
}

func TestUnreachable(t *testing.T) {
	broken := errors.New("broken pipe")
	err := engine.Unreachable("start it", broken)
	if !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	named := cause.Name(context.Background(), cause.StageIn, "look", err)
	if cause.Of(named) != cause.Engine || cause.HintOf(named) != "start it" {
		t.Errorf("%v is %q with the hint %q", named, cause.Of(named), cause.HintOf(named))
	}
}
