package cause_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/genepattern/ferry/cause"
)

func TestExitCodesAreDistinct(t *testing.T) {
	codes, causes := map[int]bool{}, map[cause.Cause]bool{}
	for _, e := range cause.ExitCodes {
		if codes[e.Code] || causes[e.Cause] || e.Meaning == "" || e.Cause.Code() != e.Code {
			t.Errorf("bad row %+v", e)
		}
		codes[e.Code], causes[e.Cause] = true, true
	}
	if cause.Cause("nonsense").Code() != cause.Internal.Code() || cause.None.Code() != 0 {
		t.Error("codes of causes that have no row")
	}
	if cause.Of(errors.New("x")) != cause.Internal || cause.Of(fmt.Errorf("w: %w", cause.Fail(cause.Disk, "", "x"))) != cause.Disk || cause.Of(nil) != cause.None {
		t.Error("causes of errors")
	}
}

func TestName(t *testing.T) {
	gone := cause.New(cause.Engine, "start it", "no engine")
	plain := cause.New(cause.None, "is the name right?", "no bucket")
	bug := cause.Caught("a bug")
	live := context.Background()
	stopped, stop := context.WithCancelCause(live)
	stop(cause.Fail(cause.Walltime, "longer", "too long"))
	cut, cancel := context.WithCancel(live)
	cancel()
	for _, c := range []struct {
		about string
		ctx   context.Context
		err   error
		want  cause.Cause
		hint  string
	}{
		{"nothing", live, nil, cause.None, ""},
		{"nothing, after a cancellation", stopped, nil, cause.None, ""},
		{"an unknown error is the stage's", live, errors.New("x"), cause.StageIn, "look"},
		{"what was named stays", live, fmt.Errorf("w: %w", cause.Fail(cause.Refused, "h", "x")), cause.Refused, "h"},
		{"a full disk", live, fmt.Errorf("w: %w", syscall.ENOSPC), cause.Disk, cause.DiskHint},
		{"a quota", live, fmt.Errorf("w: %w", syscall.EDQUOT), cause.Disk, cause.DiskHint},
		{"what an error knows of itself", live, fmt.Errorf("asking: %w", gone), cause.Engine, "start it"},
		{"the same among others", live, errors.Join(errors.New("x"), fmt.Errorf("w: %w", gone)), cause.Engine, "start it"},
		{"a hint without a cause", live, fmt.Errorf("w: %w", plain), cause.StageIn, "is the name right?"},
		{"a bug", live, fmt.Errorf("w: %w", bug), cause.Internal, "please report this"},
		{"a bug, though stopped", stopped, bug, cause.Internal, "please report this"},
		{"stopped for a reason", stopped, errors.New("x"), cause.Walltime, "longer"},
		{"stopped, though named", stopped, cause.Fail(cause.Refused, "h", "x"), cause.Walltime, "longer"},
		{"stopped", cut, gone, cause.Interrupted, ""},
	} {
		got := cause.Name(c.ctx, cause.StageIn, "look", c.err)
		if cause.Of(got) != c.want || cause.HintOf(got) != c.hint {
			t.Errorf("%s: %v is %q with the hint %q, want %q, %q", c.about, got, cause.Of(got), cause.HintOf(got), c.want, c.hint)
		}
		if c.ctx == live && c.err != nil && !errors.Is(got, c.err) {
			t.Errorf("%s: %v does not wrap %v", c.about, got, c.err)
		}
	}
	if text := cause.Name(live, cause.StageIn, "", bug).Error(); !strings.Contains(text, "a bug") || !strings.Contains(text, "cause_test.go") {
		t.Errorf("a bug without its stack: %s", text)
	}
}
