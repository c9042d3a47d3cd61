package wrapper

// Before calls f before each step of the ending.
func (d Deps) Before(f func(step string)) Deps {
	d.before = f
	return d
}

// Steps are the names of the steps of the ending of a job that had a place on the node.
func Steps() (names []string) {
	for _, s := range (&ending{attempt: &attempt{site: &site{}}}).steps() {
		names = append(names, s.name)
	}
	return names
}
