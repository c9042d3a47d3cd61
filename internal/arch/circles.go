package arch

import (
	"go/token"
	"path"
	"slices"
	"strings"
)

// An edge is an import between two folders that stand beside each other, or of which one holds the other.
type edge struct {
	parent   string // of both; "." is the root
	from, to string // names of folders in parent, "" for parent's own package
}

// circles finds folders that import each other, directly or by way of others beside them. The compiler finds circles of
// packages. These are circles of what a reader takes for one thing: sync/a importing sync/store while sync/store imports
// sync/a/b.
func circles(t *tree) (all []finding) {
	where := map[edge]token.Pos{}
	for _, f := range t.files {
		if f.isTest() {
			continue
		}
		for _, spec := range f.ast.Imports {
			dir, ours := t.folder(importPath(spec))
			if !ours || dir == f.dir {
				continue
			}
			if e := between(f.dir, dir); where[e] == token.NoPos {
				where[e] = spec.Pos()
			}
		}
	}
	for e, at := range where {
		if back := way(where, e.parent, e.to, e.from, nil); back != nil {
			all = append(all, t.found(at, "is part of a circle in %s: %s", e.parent, strings.Join(named(append([]string{e.from}, back...)), " → ")))
		}
	}
	return all
}

// between is the edge of an import, at the place where the two folders part. internal is a shelf, not a thing: what stands
// in it counts as if it stood beside it.
func between(from, to string) edge {
	a, b := steps(from), steps(to)
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	e := edge{parent: path.Join(append([]string{"."}, a[:n]...)...)}
	if n < len(a) {
		e.from = a[n]
	}
	if n < len(b) {
		e.to = b[n]
	}
	return e
}

// steps are the folders on the way to dir; internal/NAME at the root is one.
func steps(dir string) []string {
	if dir == "." {
		return nil
	}
	s := strings.Split(dir, "/")
	if s[0] == "internal" && len(s) > 1 {
		s = append([]string{"internal/" + s[1]}, s[2:]...)
	}
	return s
}

// way is a chain of folders in parent from one to another, both of them included; nil where there is none.
func way(edges map[edge]token.Pos, parent, from, to string, seen []string) []string {
	if from == to {
		return []string{to}
	}
	seen = append(seen, from)
	var next []string
	for e := range edges {
		if e.parent == parent && e.from == from && !slices.Contains(seen, e.to) {
			next = append(next, e.to)
		}
	}
	slices.Sort(next)
	for _, n := range next {
		if rest := way(edges, parent, n, to, seen); rest != nil {
			return append([]string{from}, rest...)
		}
	}
	return nil
}

func named(folders []string) []string {
	for i, f := range folders {
		if f == "" {
			folders[i] = "its own package"
		}
	}
	return folders
}
