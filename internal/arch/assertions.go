package arch

import (
	"go/ast"
	"path"
	"slices"
)

// assertions finds what asks an engine's value for more than its type says, outside the file that does so for everybody.
// Somewhere else it would be lost on an engine that wraps another.
func assertions(t *tree) (all []finding) {
	engines := path.Dir(optional)
	methods := optionalMethods(t)
	for _, f := range t.files {
		if f.path == optional {
			continue
		}
		check := func(e ast.Expr) {
			if i, ok := e.(*ast.InterfaceType); ok {
				for _, m := range i.Methods.List {
					if len(m.Names) == 1 && slices.Contains(methods, m.Names[0].Name) {
						all = append(all, t.found(e.Pos(), "asserts a type with %s, which only %s may", m.Names[0].Name, optional))
					}
				}
				return
			}
			d := t.resolve(f, e)
			if d == nil || !within(d.file.dir, engines) || d.file.isTestFile() {
				return
			}
			_, kind := t.underlying(d)
			_, isInterface := kind.(*ast.InterfaceType)
			if d.file.dir == engines && isInterface || d.file.dir != f.dir && d.file.dir != engines {
				all = append(all, t.found(e.Pos(), "asserts %s, which only %s may", text(e), optional))
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeAssertExpr:
				if n.Type != nil { // that of a type switch is nil
					check(n.Type)
				}
			case *ast.TypeSwitchStmt:
				for _, c := range n.Body.List {
					if c, ok := c.(*ast.CaseClause); ok {
						for _, e := range c.List {
							check(e)
						}
					}
				}
			}
			return true
		})
	}
	return all
}

// optionalMethods are the methods of the interfaces in the file of optional ones.
func optionalMethods(t *tree) (names []string) {
	for _, d := range t.types {
		i, ok := d.spec.Type.(*ast.InterfaceType)
		if !ok || d.file.path != optional {
			continue
		}
		for _, m := range i.Methods.List {
			if len(m.Names) == 1 {
				names = append(names, m.Names[0].Name)
			}
		}
	}
	return names
}
