package rounds

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	plain := &Way{Label: "docker run, local files", seconds: []float64{3, 1, 2}}
	ferry := &Way{Label: "ferry run, S3", seconds: []float64{2.5, 9, 2, 3.5}}
	var out strings.Builder
	for _, limit := range []float64{1, 0.9, 0} {
		if err := Against(&out, "ferry run / docker run", ferry, plain, limit); err != nil {
			t.Fatal(err)
		}
	}
	if err := Table(&out, []*Way{plain, ferry}); err != nil {
		t.Fatal(err)
	}
	const want = `ferry run / docker run: 1.50; difference +1.00 s, within the limit of 1.0 s
ferry run / docker run: 1.50; difference +1.00 s, ABOVE the limit of 0.9 s
ferry run / docker run: 1.50; difference +1.00 s
                              ratio    added   median    least     most   (seconds, 3 rounds)
docker run, local files        1.00              2.00     1.00     3.00
ferry run, S3                  1.50    +1.00     3.00     2.00     9.00
`
	if out.String() != want {
		t.Errorf("it prints\n%s", out.String())
	}
}

// The ways take turns, none is always first, and the first round counts for nothing.
func TestMeasure(t *testing.T) {
	var order strings.Builder
	way := func(name string) *Way {
		return &Way{Label: name, Command: func(round int) *exec.Cmd {
			fmt.Fprintf(&order, "%s%d ", name, round)
			return exec.Command("true")
		}}
	}
	ways := []*Way{way("a"), way("b"), way("c")}
	prepare := func(round int) error { fmt.Fprintf(&order, "prepare%d ", round); return nil }
	if err := Measure(t.Context(), 2, ways, prepare); err != nil {
		t.Fatal(err)
	}
	if want := "prepare0 a0 b0 c0 prepare1 c1 b1 a1 prepare2 a2 b2 c2 "; order.String() != want {
		t.Errorf("the order was %q, want %q", order.String(), want)
	}
	for _, w := range ways {
		if len(w.seconds) != 2 {
			t.Errorf("%s was measured %d times", w.Label, len(w.seconds))
		}
	}
}

// What fails is not measured, and is shown with what it said.
func TestMeasureFailure(t *testing.T) {
	bad := &Way{Label: "bad", Command: func(int) *exec.Cmd { return exec.Command("sh", "-c", "echo sorry; exit 3") }}
	err := Measure(t.Context(), 1, []*Way{bad}, func(int) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "sorry") {
		t.Errorf("got %v", err)
	}
}
