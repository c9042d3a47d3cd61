package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// The tests below are of what an engine says that it enforces. One that does not say so is not asked.

func testOutOfMemory(ctx context.Context, t *testing.T, h Harness) {
	if !h.enforces(ctx, t).Memory {
		return
	}
	c, _ := h.run(ctx, t, func(s *engine.Spec) { s.Limits.Memory = 16 << 20 }, `x=0123456789abcdef; while :; do x=$x$x; done`)
	if exit := ended(ctx, t, c); !exit.OOMKilled || exit.Code == 0 {
		t.Errorf("a module that takes more memory than it has: %+v", exit)
	}
}

// testCPUs has a module work for as long as it takes to use half a second of CPU time, of which it gets a tenth. What it
// used is compared with how long it ran: a busy node makes that longer, never shorter.
func testCPUs(ctx context.Context, t *testing.T, h Harness) {
	if !h.enforces(ctx, t).CPUs {
		return
	}
	const share, most = 0.1, 0.5
	c, out := h.run(ctx, t, func(s *engine.Spec) { s.Limits.NanoCPUs = share * 1e9 }, `
		while :; do
			i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done
			times; echo end
		done`)
	var used time.Duration
	until(ctx, t, "the module has used half a second", func() bool {
		used = lastTimes(t, out.stdout.String())
		return used >= time.Second/2
	})
	if err := c.Stop(ctx, 0); err != nil {
		t.Fatal(err)
	}
	exit := ended(ctx, t, c)
	if ran := exit.Finished.Sub(exit.Started); used.Seconds() > most*ran.Seconds() {
		t.Errorf("a module with %v cores used %v in %v", share, used, ran)
	}
}

// lastTimes is the sum of the shell's own times in the last whole answer of its command times.
func lastTimes(t *testing.T, text string) (sum time.Duration) {
	t.Helper()
	answers := strings.Split(text, "end\n")
	if len(answers) < 2 {
		return 0
	}
	own, _, _ := strings.Cut(answers[len(answers)-2], "\n") // the second line is the children's
	for _, f := range strings.Fields(own) {
		d, err := time.ParseDuration(f)
		if err != nil {
			t.Fatalf("times of a shell: %q: %v", own, err)
		}
		sum += d
	}
	return sum
}

// testPIDs has a module start more processes than it may.
func testPIDs(ctx context.Context, t *testing.T, h Harness) {
	if !h.enforces(ctx, t).PIDs {
		return
	}
	const script = `i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i+1)); done; echo all`
	c, out := h.run(ctx, t, func(s *engine.Spec) { s.Limits.PIDs = 20 }, script+"; exit 3")
	if exit := ended(ctx, t, c); out.stdout.has("all") && !out.stderr.has("fork") {
		t.Errorf("a module that may have 20 processes started 40: %+v, %q", exit, out.stderr.String())
	}
	c, out = h.run(ctx, t, nil, script)
	if ended(ctx, t, c); !out.stdout.has("all") {
		t.Errorf("a module without a limit did not start 40: %q", out.stderr.String())
	}
}

func testNoNetwork(ctx context.Context, t *testing.T, h Harness) {
	if has := h.enforces(ctx, t); !has.Network && !has.NoNetwork {
		return
	}
	c, out := h.run(ctx, t, func(s *engine.Spec) { s.Network = "none" }, `cat /proc/net/dev`)
	ended(ctx, t, c)
	var names []string
	for line := range strings.Lines(out.stdout.String()) {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.Contains(line, "|") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	if len(names) != 1 || names[0] != "lo" {
		t.Errorf("a module without a network has the interfaces %q", names)
	}
}

// testReadOnly asks only where this node's directories can be mounted at all.
func testReadOnly(ctx context.Context, t *testing.T, h Harness) {
	if !h.Mounts || !h.enforces(ctx, t).ReadOnly {
		return
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "there"), []byte("input"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	c, out := h.run(ctx, t, func(s *engine.Spec) {
		s.Mounts = []engine.Mount{{Source: dir, Target: "/jobs/in", ReadOnly: true}}
	}, `cat /jobs/in/there; for f in new there; do (echo x >/jobs/in/$f) 2>/dev/null && echo written; done; exit 0`)
	ended(ctx, t, c)
	if got := out.stdout.String(); got != "input" {
		t.Errorf("a module with a read-only mount said %q", got)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "there")); err != nil || string(got) != "input" {
		t.Errorf("a read-only mount holds %q, %v", got, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("a read-only mount holds %v, %v", entries, err)
	}
}

// whoami prints the effective user and group.
const whoami = `while read -r key _ id _; do case $key in Uid:|Gid:) printf '%s:' "$id";; esac; done </proc/self/status`

// testUser compares who a module runs as with what the engine said of its image, which --forbid-root goes by, and with
// what was asked for. An engine that cannot give another user must refuse one.
func testUser(ctx context.Context, t *testing.T, h Harness) {
	c, out := h.run(ctx, t, nil, whoami)
	ended(ctx, t, c)
	if want := h.image(ctx, t).Owner; want != "" && out.stdout.String() != want+":" {
		t.Errorf("a module runs as %q, its image's user is %q", out.stdout.String(), want)
	}
	const other = "4711:4712"
	asked := func(s *engine.Spec) { s.User = other }
	if h.enforces(ctx, t).User {
		c, out := h.run(ctx, t, asked, whoami)
		ended(ctx, t, c)
		if out.stdout.String() != other+":" {
			t.Errorf("a module that was to be %s runs as %q", other, out.stdout.String())
		}
		return
	}
	spec := engine.Spec{Image: h.image(ctx, t), Command: []string{"/bin/sh", "-c", whoami}, Labels: map[string]string{"ferry.test": h.Label}}
	asked(&spec)
	if c, err := h.Engine.Create(ctx, spec); !errors.Is(err, engine.ErrLaunch) {
		if err == nil {
			err = fmt.Errorf("taken, and %w", c.Remove(context.WithoutCancel(ctx)))
		}
		t.Errorf("a user that the engine cannot give: %v, want ErrLaunch", err)
	}
}
