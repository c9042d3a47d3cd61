package enginetest

import (
	"context"
	"testing"

	"github.com/genepattern/ferry/engine"
)

func testStats(ctx context.Context, t *testing.T, h Harness) {
	c, out := h.run(ctx, t, nil, `echo ready; i=0; while :; do i=$((i+1)); done`)
	until(ctx, t, "the module is ready", func() bool { return out.stdout.has("ready") })
	var s engine.Stats
	until(ctx, t, "CPU time and processes are counted", func() bool {
		var err error
		if s, err = c.Stats(ctx); err != nil {
			t.Fatal(err)
		}
		return s.CPUSeconds > 0 && s.PIDs > 0
	})
	if s.Memory < 0 || s.MemoryPeak < 0 {
		t.Errorf("Stats: %+v", s)
	}
}

func testOutOfMemory(ctx context.Context, t *testing.T, h Harness) {
	if !h.Memory {
		return
	}
	c, _ := h.run(ctx, t, func(s *engine.Spec) { s.Limits.Memory = 16 << 20 }, `x=0123456789abcdef; while :; do x=$x$x; done`)
	if exit := ended(ctx, t, c); !exit.OOMKilled || exit.Code == 0 {
		t.Errorf("a module that takes more memory than it has: %+v", exit)
	}
}
