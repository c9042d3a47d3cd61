package arch

import (
	"slices"
	"strings"
)

// layers finds imports of rooms that a room must not know, and of packages that are confined to others.
func layers(t *tree) (all []finding) {
	for _, f := range t.files {
		own := -1
		if !f.isTest() {
			if own = roomOf(f.dir); own < 0 {
				all = append(all, t.found(f.ast.Package, "%s stands in no room; give it a line in the table of rooms", f.dir))
				continue
			}
		}
		for _, spec := range f.ast.Imports {
			name := importPath(spec)
			dir, ours := t.folder(name)
			var bad string
			switch {
			case !ours:
				bad = outside(f, name)
			case aliases[dir] != "" && (spec.Name == nil || spec.Name.Name != aliases[dir]):
				bad = "without its agreed name, " + aliases[dir]
			case own >= 0:
				bad = arrow(own, dir)
			}
			if bad != "" {
				all = append(all, t.found(spec.Pos(), "imports %s %s", name, bad))
			}
		}
	}
	return all
}

// roomOf is the index of the innermost room of a folder, -1 where it has none.
func roomOf(dir string) int {
	best := -1
	for i, r := range rooms {
		if within(dir, r.dir) && (best < 0 || len(r.dir) > len(rooms[best].dir)) {
			best = i
		}
	}
	return best
}

// arrow says what is wrong with an import from one room of a folder.
func arrow(from int, dir string) string {
	to := roomOf(dir)
	switch {
	case isTestRoom(dir):
		return "which is for tests"
	case to < 0 || to == from || slices.Contains(rooms[from].may, rooms[to].dir):
		return ""
	case to > from:
		return "which stands above " + rooms[from].dir
	}
	return "which " + rooms[from].dir + " must not know"
}

// outside says what is wrong with a file's import of a package of others.
func outside(f *file, name string) string {
	for _, c := range confined {
		if !strings.HasPrefix(name, c.prefix) {
			continue
		}
		if c.to == nil {
			return "which nothing may"
		}
		if !f.isTest() && !slices.ContainsFunc(c.to, func(room string) bool { return within(f.dir, room) }) {
			return "which only " + strings.Join(c.to, ", ") + " may"
		}
	}
	return ""
}
