package docker

import (
	"maps"
	"strings"
)

// labelPrefix begins the labels that mean something to ferry.
const labelPrefix = "ferry."

// ownLabels are what a container of an image gets. A container has its image's labels where it is given no others, so an image could
// say of it what only ferry may: whose it is, and that it is to stay. Such labels are blanked, and a blank label counts as none.
func ownLabels(own, image map[string]string) map[string]string {
	all := map[string]string{}
	for k := range image {
		if strings.HasPrefix(strings.ToLower(k), labelPrefix) {
			all[k] = ""
		}
	}
	maps.Copy(all, own)
	return all
}
