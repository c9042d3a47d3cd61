package arch

import (
	"go/ast"
	"go/token"
	"strings"
)

// groups finds imports that are not in one block of up to three groups: the standard library, others, ours.
func groups(t *tree) (all []finding) {
	for _, f := range t.files {
		seen := false
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.IMPORT {
				continue
			}
			if seen {
				all = append(all, t.found(g.Pos(), "has another block of imports"))
			}
			seen = true
			all = append(all, t.inOrder(g)...)
		}
	}
	return all
}

func (t *tree) inOrder(g *ast.GenDecl) (all []finding) {
	line := func(p token.Pos) int { return t.fset.Position(p).Line }
	for i, s := range g.Specs {
		if i == 0 {
			continue
		}
		before, spec := g.Specs[i-1].(*ast.ImportSpec), s.(*ast.ImportSpec)
		start := spec.Pos()
		if spec.Doc != nil {
			start = spec.Doc.Pos()
		}
		blank := line(start) > line(before.End())+1
		was, is := t.group(before), t.group(spec)
		switch {
		case is < was:
			all = append(all, t.found(spec.Pos(), "import groups are not in the order standard library, others, ours"))
		case is == was && blank:
			all = append(all, t.found(spec.Pos(), "a blank line divides a group of imports"))
		case is > was && !blank:
			all = append(all, t.found(spec.Pos(), "no blank line before another group of imports"))
		}
	}
	return all
}

// group is 0 for the standard library, 1 for others, 2 for ours. Only paths of the library have no dot in their first part.
func (t *tree) group(spec *ast.ImportSpec) int {
	name := importPath(spec)
	first, _, _ := strings.Cut(name, "/")
	if _, ours := t.folder(name); ours {
		return 2
	}
	if strings.Contains(first, ".") {
		return 1
	}
	return 0
}
