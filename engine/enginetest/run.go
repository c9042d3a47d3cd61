package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
)

func testOutputAndCode(ctx context.Context, t *testing.T, h Harness) {
	for _, code := range []int{0, 1, 7, 255} {
		c, out := h.run(ctx, t, nil, fmt.Sprintf("echo to stdout; echo to stderr >&2; exit %d", code))
		exit := ended(ctx, t, c)
		if exit.Code != code || exit.OOMKilled {
			t.Errorf("exit %d: %+v", code, exit)
		}
		if got := out.stdout.String(); got != "to stdout\n" {
			t.Errorf("stdout: %q", got)
		}
		if got := out.stderr.String(); got != "to stderr\n" {
			t.Errorf("stderr: %q", got)
		}
	}
}

// testOutputComplete writes much right before the end: nothing of it may be missing once Wait has returned.
func testOutputComplete(ctx context.Context, t *testing.T, h Harness) {
	const lines = 20000
	c, out := h.run(ctx, t, nil, fmt.Sprintf(`i=0; while [ $i -lt %d ]; do echo "line $i"; i=$((i+1)); done; echo last >&2`, lines))
	ended(ctx, t, c)
	got := out.stdout.String()
	if n := strings.Count(got, "\n"); n != lines || !strings.HasSuffix(got, fmt.Sprintf("line %d\n", lines-1)) {
		t.Errorf("%d lines of %d, ending in %q", n, lines, got[max(0, len(got)-40):])
	}
	if got := out.stderr.String(); got != "last\n" {
		t.Errorf("stderr: %q", got)
	}
}

func testEnvironment(ctx context.Context, t *testing.T, h Harness) {
	value := "a b\"c'$HOME"
	c, out := h.run(ctx, t, func(s *engine.Spec) {
		s.Env, s.Workdir = []string{"FERRY_TEST_VALUE=" + value}, "/"
	}, `printf '%s|' "$FERRY_TEST_VALUE"; pwd`)
	ended(ctx, t, c)
	if got, want := out.stdout.String(), value+"|/\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func testWaitTwice(ctx context.Context, t *testing.T, h Harness) {
	c, _ := h.run(ctx, t, nil, "exit 3")
	for range 2 {
		if exit := ended(ctx, t, c); exit.Code != 3 {
			t.Fatalf("Wait: %+v", exit)
		}
	}
}

func testWaitGivesUp(ctx context.Context, t *testing.T, h Harness) {
	c, _ := h.run(ctx, t, nil, "sleep 100")
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wait with a context that ended: %v", err)
	}
}

func testSignal(ctx context.Context, t *testing.T, h Harness) {
	c, _ := h.run(ctx, t, nil, "kill -9 $$")
	if exit := ended(ctx, t, c); exit.Code != 137 || exit.OOMKilled {
		t.Fatalf("a process that killed itself: %+v", exit)
	}
}

// testLaunchMissing accepts the error from Create too: an engine may look for the command that early.
func testLaunchMissing(ctx context.Context, t *testing.T, h Harness) {
	spec := engine.Spec{Image: h.image(ctx, t), Command: []string{"/none/such"}, Network: "none", Labels: map[string]string{"ferry.test": h.Label}}
	c, err := h.Engine.Create(ctx, spec)
	if err == nil {
		defer func() { _ = c.Remove(context.WithoutCancel(ctx)) }()
		out := &output{}
		err = c.Start(ctx, &out.stdout, &out.stderr)
	}
	if !errors.Is(err, engine.ErrLaunch) {
		t.Fatalf("a command that does not exist: %v, want ErrLaunch", err)
	}
}
