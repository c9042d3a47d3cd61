package rounds

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

// A Way is one way to do the work. The first of several is what the others are compared with.
type Way struct {
	Label string
	// Command is what is measured in a round, from its start to its end.
	Command func(round int) *exec.Cmd

	seconds []float64
}

// Measure has each way do the work n times, and once before that is not counted. Before each round, prepare makes what the
// ways need. Every other round has the ways in the opposite order.
func Measure(ctx context.Context, n int, ways []*Way, prepare func(round int) error) error {
	for round := range n + 1 {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round, n)
		if err := prepare(round); err != nil {
			return err
		}
		turn := slices.Clone(ways)
		if round%2 == 1 {
			slices.Reverse(turn)
		}
		for _, w := range turn {
			if err := ctx.Err(); err != nil {
				return err
			}
			cmd := w.Command(round)
			begun := time.Now()
			out, err := cmd.CombinedOutput()
			took := time.Since(begun)
			if err != nil {
				return fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
			}
			if round > 0 {
				w.seconds = append(w.seconds, took.Seconds())
			}
		}
	}
	return nil
}

// median is the median of what was measured; of an even number, the mean of the two in the middle.
func (w *Way) median() float64 {
	s := slices.Sorted(slices.Values(w.seconds))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
