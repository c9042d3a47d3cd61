package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// Enforces says which parts of a Spec hold, whatever the module does. An engine ignores what it cannot enforce, except for a User:
// see there. In JSON it is the list of the names of the fields that are true.
type Enforces struct {
	Memory  bool // Limits.Memory; Exit.OOMKilled says that it was reached
	CPUs    bool // Limits.NanoCPUs, CPUShares and CPUSet
	PIDs    bool // Limits.PIDs
	Network bool // Spec.Network: with "none" the module has no interface but the loopback, with OwnNetwork it reaches no other container
	// NoNetwork is the first half of Network alone, for engines that give a module either no network or this node's.
	NoNetwork bool
	ReadOnly  bool // Mount.ReadOnly
	// User is Spec.User. An engine without it runs every module as one user. That user is User and Owner of each of its Images, and
	// Create refuses any other. Ferry so always knows who the module runs as, and whether that is root.
	User bool
	GPUs bool // Limits.GPUs: the module sees those and no others, or it does not start
}

// The names in JSON.
const (
	memoryName   = "memory"
	cpusName     = "cpus"
	pidsName     = "pids"
	networkName  = "network"
	noneName     = "network-none"
	readOnlyName = "read-only"
	userName     = "user"
	gpusName     = "gpus"
)

// fields are the fields with their names in JSON, in the order of the list.
func (e *Enforces) fields() []field {
	return []field{
		{memoryName, &e.Memory}, {cpusName, &e.CPUs}, {pidsName, &e.PIDs}, {networkName, &e.Network}, {noneName, &e.NoNetwork},
		{readOnlyName, &e.ReadOnly}, {userName, &e.User}, {gpusName, &e.GPUs},
	}
}

type field struct {
	name string
	is   *bool
}

// Names lists what is enforced, in a fixed order; it is never nil.
func (e Enforces) Names() []string {
	names := []string{}
	for _, f := range e.fields() {
		if *f.is {
			names = append(names, f.name)
		}
	}
	return names
}

// MarshalJSON implements json.Marshaler.
func (e Enforces) MarshalJSON() ([]byte, error) { return json.Marshal(e.Names()) }

// UnmarshalJSON implements json.Unmarshaler. It ignores names that it does not know: a later ferry may have more.
func (e *Enforces) UnmarshalJSON(data []byte) error {
	var names []string
	if err := json.Unmarshal(data, &names); err != nil {
		return err
	}
	*e = Enforces{}
	for _, f := range e.fields() {
		for _, name := range names {
			*f.is = *f.is || name == f.name
		}
	}
	return nil
}

// Held is the part of a container's limits that the engine enforces, and that a record may call applied. ShmSize is always kept: it
// is the size of something that the engine makes.
func (e Enforces) Held(l Limits) Limits {
	if !e.Memory {
		l.Memory = 0
	}
	if !e.CPUs {
		l.NanoCPUs, l.CPUShares, l.CPUSet = 0, 0, ""
	}
	if !e.PIDs {
		l.PIDs = 0
	}
	if !e.GPUs {
		l.GPUs, l.Runtime = "", ""
	}
	if !e.Memory && !e.CPUs && !e.PIDs {
		l.CgroupParent = ""
	}
	return l
}

// Wanted is what a job itself asks of its engine. Zero values ask for nothing. What a job inherits does not belong here, such as the
// limits of ferry's own container, or ferry's default for processes.
type Wanted struct {
	Limits         Limits // of which Memory, NanoCPUs, PIDs and GPUs count
	Network        string // as Spec.Network; "bridge" and "host" ask for nothing that protects anybody, and OwnNetwork is a default
	ReadOnlyInputs bool
	ReadOnlyMounts bool // a directory of the node is to be mounted read-only
}

// Check compares what a job asks for with what the engine enforces. Where something is not enforced that protects somebody, the job
// is refused: the error has the cause cause.Refused, and names the flags. Anything else is a warning each.
//
// Check does not look at --forbid-root and --user. They hold with every engine, see Enforces.User.
func Check(info Info, w Wanted) (warnings []string, err error) {
	has := info.Enforces
	var refused []string
	if w.Network == "none" && !has.Network && !has.NoNetwork {
		refused = append(refused, "--network none")
	}
	if w.ReadOnlyInputs && !has.ReadOnly {
		refused = append(refused, "--read-only-inputs")
	}
	if len(refused) > 0 {
		return nil, cause.Fail(cause.Refused, "do without it, or choose an --engine that enforces it",
			"engine %q does not enforce %s", info.Name, strings.Join(refused, " and "))
	}
	named := !slices.Contains([]string{"", "bridge", "host", "none", OwnNetwork}, w.Network)
	for _, ask := range []struct {
		flag     string
		asked    bool
		enforced bool
	}{
		{"--memory", w.Limits.Memory > 0, has.Memory},
		{"--cpus", w.Limits.NanoCPUs > 0, has.CPUs},
		{"--pids", w.Limits.PIDs > 0, has.PIDs},
		{"--gpus", w.Limits.GPUs != "", has.GPUs},
		{"--network " + w.Network, named, has.Network},
		{"--mount of a directory that is not to be written", w.ReadOnlyMounts, has.ReadOnly},
	} {
		if ask.asked && !ask.enforced {
			warnings = append(warnings, fmt.Sprintf("engine %q does not enforce %s", info.Name, ask.flag))
		}
	}
	return warnings, nil
}
