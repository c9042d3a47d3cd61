package docker

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine/enginetest"
	"github.com/genepattern/ferry/internal/testenv"
)

// testEngine is the engine that tests share.
func testEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := New(Config{Host: testenv.Docker(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestConformance(t *testing.T) {
	registry := registrytest.Start(t, registrytest.Options{})
	enginetest.Run(t, enginetest.Harness{
		Engine: testEngine(t), Image: testenv.ModuleImage(t), Missing: registry.Host + "/none/such:1",
		Label:    fmt.Sprintf("docker-%d-%d", os.Getpid(), time.Now().UnixNano()),
		Isolated: true, Mounts: true,
	})
}
