package platform

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// The folders of the volume that the three containers share. Compose and Batch have a volume of its own for RelayDir, mounted inside the
// other, so that the module gets it read-only.
const (
	// RelayDir is what stage-in leaves to the others, with ferry's binary.
	RelayDir = ".ferry"
	// JobDir has the job's directories: /a/b of the job is a/b in it.
	JobDir = "job"
	// ExecDir is what `ferry exec` writes. So may the module, and nothing in it is more than its word.
	ExecDir = "exec"
)

// A Platform runs the containers of a job. It is an engine.Engine that makes none: its definition has it make them.
type Platform struct {
	Name     string
	Enforces engine.Enforces // what its definition has it enforce
	define   func(Input) (string, error)
}

var _ engine.Engine = Platform{}

// Unknown is the name of the Platform of somebody's own definition, of which nobody knows what it enforces.
const Unknown = "containers"

// all are those that `ferry jobdef --for` knows, in the order of its help.
var all = []Platform{
	{Name: "batch-containers", Enforces: engine.Enforces{Memory: true, CPUs: true, GPUs: true, User: true}, define: batch},
	{Name: "kubernetes", Enforces: engine.Enforces{Memory: true, CPUs: true, GPUs: true, User: true, ReadOnly: true}, define: kubernetes},
	{Name: "compose", Enforces: engine.Enforces{Memory: true, CPUs: true, PIDs: true, Network: true, User: true}, define: compose},
}

// Names are those that Of finds, but for Unknown.
func Names() (names []string) {
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}

// Of finds a Platform by its name. The error has the cause Usage.
func Of(name string) (Platform, error) {
	i := slices.IndexFunc(all, func(p Platform) bool { return p.Name == name })
	switch {
	case name == Unknown:
		return Platform{Name: Unknown}, nil
	case i < 0:
		return Platform{}, cause.Fail(cause.Usage, "there are "+strings.Join(Names(), ", "), "no such platform: %q", name)
	}
	return all[i], nil
}

// Info implements engine.Engine.
func (p Platform) Info(context.Context) (engine.Info, error) {
	return engine.Info{Name: p.Name, Enforces: p.Enforces}, nil
}

// Image implements engine.Engine. The platform has the image, and says nothing of it.
func (p Platform) Image(_ context.Context, ref string, _ engine.Login) (engine.Image, error) {
	return engine.Image{Ref: ref}, nil
}

// List implements engine.Engine.
func (p Platform) List(context.Context, map[string]string) ([]engine.Found, error) { return nil, nil }

// Create implements engine.Engine: it is the platform that makes containers.
func (p Platform) Create(context.Context, engine.Spec) (engine.Container, error) {
	return nil, fmt.Errorf("%w: %s makes its containers itself", engine.ErrLaunch, p.Name)
}

// Attach implements engine.Engine.
func (p Platform) Attach(context.Context, string) (engine.Container, error) {
	return nil, engine.ErrNoContainer
}
