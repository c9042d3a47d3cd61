package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
)

// A Harness is an engine to be tested, and what the suite cannot know of it.
type Harness struct {
	Engine engine.Engine
	// Image is a reference that is present, whose image has /bin/sh, sleep, cat and kill.
	Image string
	// Missing is a well-formed reference that no registry has, asked in one that answers; "" where the engine has no
	// registries, so that no image is ever missing.
	Missing string
	// Label marks what the suite makes, so that suites of several processes do not see each other's containers.
	Label string

	// Isolated says that a container has a file system of its own: it sees no path of this node that is not mounted.
	Isolated bool
	// Mounts says that the engine can show this node's directories to a container under another path.
	Mounts bool
}

// limit bounds each test, so that an engine that hangs fails and does not hang the suite.
const limit = 2 * time.Minute

// Run runs the suite. The tests run in parallel with each other.
func Run(t *testing.T, h Harness) {
	tests := []struct {
		name string
		run  func(context.Context, *testing.T, Harness)
	}{
		{"Info", testInfo},
		{"ImagePresent", testImagePresent},
		{"ImageAbsent", testImageAbsent},
		{"Has", testHas},
		{"OutputAndCode", testOutputAndCode},
		{"OutputComplete", testOutputComplete},
		{"Environment", testEnvironment},
		{"WaitTwice", testWaitTwice},
		{"WaitGivesUp", testWaitGivesUp},
		{"Signal", testSignal},
		{"LaunchMissing", testLaunchMissing},
		{"StopAsks", testStopAsks},
		{"StopKills", testStopKills},
		{"StopTwice", testStopTwice},
		{"RemoveRunning", testRemoveRunning},
		{"ListAndAttach", testListAndAttach},
		{"Stats", testStats},
		{"OutOfMemory", testOutOfMemory},
		{"CPUs", testCPUs},
		{"PIDs", testPIDs},
		{"NoNetwork", testNoNetwork},
		{"ReadOnly", testReadOnly},
		{"User", testUser},
		{"Mounts", testMounts},
		{"CopyRoundTrip", testCopyRoundTrip},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			test.run(ctx, t, h)
		})
	}
}

// enforces is what the engine says that it enforces.
func (h Harness) enforces(ctx context.Context, t *testing.T) engine.Enforces {
	t.Helper()
	info, err := h.Engine.Info(ctx)
	if err != nil {
		t.Fatalf("Info: %v", err)
	}
	return info.Enforces
}

// image is the harness's image, described.
func (h Harness) image(ctx context.Context, t *testing.T) engine.Image {
	t.Helper()
	img, err := h.Engine.Image(ctx, h.Image, nil)
	if err != nil {
		t.Fatalf("Image(%q): %v", h.Image, err)
	}
	return img
}

// create makes a container that is removed when the test ends. change, if any, alters its description first.
func (h Harness) create(ctx context.Context, t *testing.T, change func(*engine.Spec), command ...string) engine.Container {
	t.Helper()
	spec := engine.Spec{
		Image: h.image(ctx, t), Command: command, Network: "none", // where the engine has networks
		Labels: map[string]string{"ferry.test": h.Label},
	}
	if change != nil {
		change(&spec)
	}
	c, err := h.Engine.Create(ctx, spec)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Remove(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("Remove: %v", err)
		}
	})
	return c
}

// run creates and starts a container with the script as its command.
func (h Harness) run(ctx context.Context, t *testing.T, change func(*engine.Spec), script string) (engine.Container, *output) {
	t.Helper()
	c := h.create(ctx, t, change, "/bin/sh", "-c", script)
	out := &output{}
	if err := c.Start(ctx, &out.stdout, &out.stderr); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return c, out
}

// ended waits for the container's end.
func ended(ctx context.Context, t *testing.T, c engine.Container) engine.Exit {
	t.Helper()
	exit, err := c.Wait(ctx)
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	// Docker notes the start after the process runs, so a short one may seem to end a little before it.
	if exit.Started.IsZero() || exit.Finished.Before(exit.Started.Add(-time.Minute)) {
		t.Errorf("Wait: started %v, finished %v", exit.Started, exit.Finished)
	}
	return exit
}

// until asks again and again, for as long as the context lasts, whether something has come about.
func until(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: did not come about", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
