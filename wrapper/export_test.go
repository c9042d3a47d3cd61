package wrapper

import "time"

// Before calls f before each step of the ending.
func (d Deps) Before(f func(step string)) Deps {
	d.before = f
	return d
}

// Patience sets how long results are waited for after the walltime: without movement, and at all.
func (d Deps) Patience(still, longest time.Duration) Deps {
	d.patience = &patience{still: still, longest: longest, look: min(still, longest) / 20}
	return d
}

// Steps are the names of the steps of the ending of a job that had a place on the node.
func Steps() (names []string) {
	for _, s := range (&ending{attempt: &attempt{site: &site{}}}).steps() {
		names = append(names, s.name)
	}
	return names
}
