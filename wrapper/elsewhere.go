package wrapper

import (
	"context"
	"io"
	"time"

	"github.com/genepattern/ferry/engine"
)

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
