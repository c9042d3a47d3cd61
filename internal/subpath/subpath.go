// Package subpath says which absolute path lies in which. It compares path elements: /in2 is not in /in.
package subpath

import (
	"path"
	"slices"
	"strings"
)

// Within says that p is dir or lies below it.
func Within(dir, p string) bool {
	dir, p = path.Clean(dir), path.Clean(p)
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// Outermost are the paths that lie in no other of them, cleaned, sorted, each once.
func Outermost(all []string) []string {
	var cleaned, out []string
	for _, p := range all {
		cleaned = append(cleaned, path.Clean("/"+p))
	}
	slices.Sort(cleaned)
	for _, p := range cleaned {
		if !slices.ContainsFunc(out, func(o string) bool { return Within(o, p) }) {
			out = append(out, p)
		}
	}
	return out
}
