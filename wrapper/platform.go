package wrapper

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// A Platform runs the containers of a job, where ferry has no engine's socket. The definition that `ferry jobdef` prints tells it how.
type Platform struct {
	Name     string
	Enforces engine.Enforces // what the definition has it enforce
}

// Unknown is the Platform of somebody's own definition.
const Unknown = "containers"

// Platforms are those that `ferry jobdef --for` knows, in the order of its help. On parts they see to it that the module cannot write
// what is mounted read-only.
func Platforms() []Platform {
	return []Platform{
		{Name: "batch-containers", Enforces: engine.Enforces{Memory: true, CPUs: true, GPUs: true, User: true}},
		{Name: "kubernetes", Enforces: engine.Enforces{Memory: true, CPUs: true, GPUs: true, User: true, ReadOnly: true}},
		{Name: "compose", Enforces: engine.Enforces{Memory: true, CPUs: true, PIDs: true, Network: true, GPUs: true, User: true}},
	}
}

// PlatformOf finds a Platform by its name. The error has the cause Usage.
func PlatformOf(name string) (Platform, error) {
	for _, p := range append(Platforms(), Platform{Name: Unknown}) {
		if p.Name == name {
			return p, nil
		}
	}
	return Platform{}, cause.Fail(cause.Usage, "it is in what ferry jobdef prints", "--platform: there is no %q", name)
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

var _ engine.Engine = Platform{}

// elsewhere is a container that the platform made and that has ended. There is nothing to do with it.
type elsewhere struct{}

var _ engine.Container = elsewhere{}

func (elsewhere) ID() string { return "" }
func (elsewhere) Has(context.Context, []string) (map[string]bool, error) {
	return nil, engine.ErrNoContainer
}
func (elsewhere) Start(context.Context, io.Writer, io.Writer) error { return engine.ErrNoContainer }
func (elsewhere) Wait(context.Context) (engine.Exit, error) {
	return engine.Exit{}, engine.ErrNoContainer
}
func (elsewhere) Stop(context.Context, time.Duration) error { return nil }
func (elsewhere) Stats(context.Context) (engine.Stats, error) {
	return engine.Stats{}, engine.ErrNoContainer
}
func (elsewhere) Remove(context.Context) error { return nil }
