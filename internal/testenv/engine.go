package testenv

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
)

// A Module names one of the lab's module images.
type Module = lab.Module

// The module images.
const (
	Bash       = lab.Bash
	Sh         = lab.Sh
	NoShell    = lab.NoShell
	User       = lab.User
	Entrypoint = lab.Entrypoint
)

// findEngine asks once.
var findEngine = sync.OnceValues(func() (*lab.Engine, error) { return lab.FindEngine(context.Background()) })

// Docker requires a Docker engine at DOCKER_HOST, or at the usual socket, and returns its address as for DOCKER_HOST.
func Docker(t testing.TB) string {
	t.Helper()
	return engine(t).Host
}

func engine(t testing.TB) *lab.Engine {
	t.Helper()
	e, err := findEngine()
	Require(t, err == nil, fmt.Sprintf("a Docker engine (scripts/engine.sh start): %v", err))
	return e
}

// ModuleImage makes the module image, Bash if none is named, and returns its reference. It needs a Docker engine and
// the packages busybox-static and bash-static.
func ModuleImage(t testing.TB, m ...Module) string {
	t.Helper()
	m = append(m, Bash)
	e := engine(t)
	err := lab.Moduleable(m[0])
	Require(t, err == nil, fmt.Sprintf("Debian's busybox-static and bash-static: %v", err))
	ref, err := e.ModuleImage(t.Context(), m[0])
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TransferImage builds the transfer image from this working tree, as `make image` does, and returns its reference.
func TransferImage(t testing.TB) string {
	t.Helper()
	ref, err := engine(t).TransferImage(t.Context(), FerryBinary(t))
	if err != nil {
		t.Fatalf("building the transfer image: %v", err)
	}
	return ref
}

// FerryBinary is the path of the static ferry binary, built from this working tree once per test binary.
func FerryBinary(t testing.TB) string {
	t.Helper()
	return must(t, lab.Ferry)
}

// Tool is the path of a program of tools/, such as "demo", built once per test binary.
func Tool(t testing.TB, name string) string {
	t.Helper()
	return must(t, func() (string, error) { return lab.Tool(name) })
}

func must(t testing.TB, f func() (string, error)) string {
	t.Helper()
	path, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
