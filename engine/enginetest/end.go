package enginetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
)

func testStopAsks(ctx context.Context, t *testing.T, h Harness) {
	c, out := h.run(ctx, t, nil, `trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.05; done`)
	until(ctx, t, "the module is ready", func() bool { return out.stdout.has("ready") })
	if err := c.Stop(ctx, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if exit := ended(ctx, t, c); exit.Code != 5 || !out.stdout.has("asked") {
		t.Errorf("a module that heeds TERM: %+v, %q", exit, out.stdout.String())
	}
}

func testStopKills(ctx context.Context, t *testing.T, h Harness) {
	c, out := h.run(ctx, t, nil, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	until(ctx, t, "the module is ready", func() bool { return out.stdout.has("ready") })
	if err := c.Stop(ctx, time.Second); err != nil {
		t.Fatal(err)
	}
	if exit := ended(ctx, t, c); exit.Code != 137 || exit.OOMKilled {
		t.Errorf("a module that ignores TERM: %+v", exit)
	}
}

func testStopTwice(ctx context.Context, t *testing.T, h Harness) {
	c, _ := h.run(ctx, t, nil, "exit 0")
	ended(ctx, t, c)
	for range 2 {
		if err := c.Stop(ctx, time.Second); err != nil {
			t.Fatalf("Stop of a container that has ended: %v", err)
		}
	}
}

func testRemoveRunning(ctx context.Context, t *testing.T, h Harness) {
	c, out := h.run(ctx, t, nil, "echo ready; sleep 100")
	until(ctx, t, "the module is ready", func() bool { return out.stdout.has("ready") })
	for range 2 {
		if err := c.Remove(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Engine.Attach(ctx, c.ID()); !errors.Is(err, engine.ErrNoContainer) {
		t.Errorf("Attach to a container that was removed: %v, want ErrNoContainer", err)
	}
}

func testListAndAttach(ctx context.Context, t *testing.T, h Harness) {
	name := "ferry-test-" + h.Label + "-listed"
	mine := map[string]string{"ferry.test": h.Label, "ferry.test.list": "yes"}
	c, out := h.run(ctx, t, func(s *engine.Spec) { s.Labels, s.Name = mine, name }, "echo ready; sleep 100")
	until(ctx, t, "the module is ready", func() bool { return out.stdout.has("ready") })
	found := list(ctx, t, h, mine)
	if len(found) != 1 || found[0].ID != c.ID() || !found[0].Running || found[0].Labels["ferry.test.list"] != "yes" {
		t.Fatalf("List: %+v, want the one container %s", found, c.ID())
	}
	if age := time.Since(found[0].Created); age < -time.Minute || age > limit {
		t.Errorf("List: created %v", found[0].Created)
	}
	other := map[string]string{"ferry.test": h.Label, "ferry.test.list": "no"}
	if found := list(ctx, t, h, other); len(found) != 0 {
		t.Errorf("List with another value: %+v", found)
	}
	again, err := h.Engine.Attach(ctx, c.ID())
	if err != nil || again.ID() != c.ID() {
		t.Fatalf("Attach: %v", err)
	}
	if err := again.Stop(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if exit := ended(ctx, t, again); exit.Code == 0 {
		t.Errorf("a container that was killed: %+v", exit)
	}
	if found := list(ctx, t, h, mine); len(found) != 1 || found[0].Running {
		t.Errorf("List of a container that has ended: %+v", found)
	}
	if err := again.Remove(ctx); err != nil {
		t.Fatal(err)
	}
	if found := list(ctx, t, h, mine); len(found) != 0 {
		t.Errorf("List of a container that was removed: %+v", found)
	}
}

func list(ctx context.Context, t *testing.T, h Harness, labels map[string]string) []engine.Found {
	t.Helper()
	found, err := h.Engine.List(ctx, labels)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
