package syncscript

import (
	"maps"
	"path"
	"slices"
)

// An order says which earlier steps each step of a script has to wait for, so that steps may overlap and the outcome is
// that of one after another. Steps that may change the same tree wait for each other; steps that append to the same log
// do not, but append in their order.
type order struct {
	n       int
	touch   claims
	outputs claims
	last    map[string]int // the last step that writes to an output
}

func newOrder() *order {
	return &order{touch: newClaims(), outputs: newClaims(), last: map[string]int{}}
}

// maxWaits bounds for how many steps a step waits by their numbers. One that would wait for more waits for all before it.
const maxWaits = 256

// add takes the next step: the trees it may change, and the files its output goes to. run are the steps that must have
// ended before it starts, or all says that every earlier one must; write are those that must have ended before it writes its output.
func (o *order) add(touches, outputs []string) (run, write []int, all bool) {
	before, prior := map[int]bool{}, map[int]bool{}
	for _, p := range touches {
		o.touch.overlapping(p, before)
		o.outputs.overlapping(p, before)
	}
	for _, p := range outputs {
		o.touch.overlapping(p, before)
		if i, ok := o.last[p]; ok {
			prior[i] = true
		}
	}
	for _, p := range touches {
		o.touch.claim(p, o.n)
		delete(o.touch.below, p) // they have ended before this step starts
		delete(o.outputs.below, p)
	}
	for _, p := range outputs {
		o.outputs.claim(p, o.n)
		o.last[p] = o.n
	}
	o.n++
	delete(before, o.n-1)
	delete(prior, o.n-1)
	if len(before) > maxWaits {
		return nil, slices.Sorted(maps.Keys(prior)), true
	}
	return slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(prior)), false
}

// claims remember which steps claimed which paths.
type claims struct {
	exact map[string]int   // the last step that claimed just this path
	below map[string][]int // steps that claimed something below it since
}

func newClaims() claims { return claims{map[string]int{}, map[string][]int{}} }

// overlapping adds the steps whose claims lie on p, above it or below it, until they are too many. What came before the last claim on a path itself
// is left out, since that step has waited for it.
func (c claims) overlapping(p string, to map[int]bool) {
	for a := p; ; a = path.Dir(a) {
		if i, ok := c.exact[a]; ok {
			to[i] = true
		}
		if a == "." || a == "/" {
			break
		}
	}
	for _, i := range c.below[p] {
		if to[i] = true; len(to) > maxWaits+1 {
			return
		}
	}
}

func (c claims) claim(p string, step int) {
	c.exact[p] = step
	for a := path.Dir(p); a != "." && a != "/"; a = path.Dir(a) {
		if n := len(c.below[a]); n == 0 || c.below[a][n-1] != step {
			c.below[a] = append(c.below[a], step)
		}
	}
}
