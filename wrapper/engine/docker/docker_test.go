package docker

import (
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/engine/enginetest"
)

// testEngine is the engine that tests share.
func testEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := New(Config{Host: testenv.Docker(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Harness{
		Engine: testEngine(t), Image: testenv.ModuleImage(t), Label: "ferry-commit-x",
		Isolated: true, Memory: true, Mounts: true,
	})
}
