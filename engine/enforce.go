package engine

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// Enforces says which of the things that a Spec asks for hold, whatever the module does. What an engine cannot enforce it
// passes over, but for a User: see there. In JSON it is the list of the names of what is true.
type Enforces struct {
	Memory   bool // Limits.Memory, and Exit.OOMKilled tells of it
	CPUs     bool // Limits.NanoCPUs, CPUShares and CPUSet
	PIDs     bool // Limits.PIDs
	Network  bool // Spec.Network: with "none" the module has no interface but the loopback
	ReadOnly bool // Mount.ReadOnly
	// User is Spec.User. An engine without it runs every module as one user, who is each of its Images' User and Owner, and
	// its Create refuses any other: so it is always known who the module runs as, and whether that is root.
	User bool
	GPUs bool // Limits.GPUs: the module sees those and no others, or it does not start
}

// The names in JSON.
const (
	memoryName   = "memory"
	cpusName     = "cpus"
	pidsName     = "pids"
	networkName  = "network"
	readOnlyName = "read-only"
	userName     = "user"
	gpusName     = "gpus"
)

// fields are what is enforced by name, in the order of the list.
func (e *Enforces) fields() []field {
	return []field{
		{memoryName, &e.Memory}, {cpusName, &e.CPUs}, {pidsName, &e.PIDs}, {networkName, &e.Network},
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

// UnmarshalJSON implements json.Unmarshaler. Names that it does not know, of a later ferry, it passes over.
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

// Held is the part of a container's limits that the engine enforces: what may be recorded as applied. ShmSize is no limit
// that an engine lacks, but the size of what it makes.
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

// Wanted is what a job itself asks of its engine. Zero values ask for nothing; what a job merely inherits, such as the
// limits of ferry's own container or ferry's default for processes, is not for it.
type Wanted struct {
	Limits         Limits // of which Memory, NanoCPUs, PIDs and GPUs count
	Network        string // as Spec.Network; "bridge" and "host" ask for nothing that protects anybody
	ReadOnlyInputs bool
	ReadOnlyMounts bool // a directory of the node is to be mounted and not written
}

// Check compares what a job asks for with what the engine enforces. What protects somebody and is not enforced is refused:
// the error's cause is cause.Refused, and it names the flags. What only bounds the module is a warning each.
//
// --forbid-root and --user are not for it. An Image says who the module runs as with every engine, and Create refuses a
// user that the engine cannot give; see Enforces.User.
func Check(info Info, w Wanted) (warnings []string, err error) {
	has := info.Enforces
	var refused []string
	if w.Network == "none" && !has.Network {
		refused = append(refused, "--network none")
	}
	if w.ReadOnlyInputs && !has.ReadOnly {
		refused = append(refused, "--read-only-inputs")
	}
	if len(refused) > 0 {
		return nil, cause.Fail(cause.Refused, "do without it, or choose an --engine that enforces it",
			"engine %q does not enforce %s", info.Name, strings.Join(refused, " and "))
	}
	named := w.Network != "" && w.Network != "bridge" && w.Network != "host" && w.Network != "none"
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
