package arch

import (
	"go/ast"
	"path"
	"strings"
)

// kind is the value that a package exports which is an implementation, and the type of its registry's elements.
const kind = "Kind"

// registered finds implementations that are not in their registry's list exactly once, what else is in the list, and
// implementations that anybody but their registry imports.
func registered(t *tree) (all []finding) {
	for _, r := range registries {
		implementations := map[string]*ast.Ident{} // by folder
		for _, f := range t.files {
			if path.Dir(f.dir) == r.dir && !f.isTest() {
				if name := exported(f, kind); name != nil {
					implementations[f.dir] = name
				}
			}
		}
		listed, bad := list(t, r.list, implementations)
		all = append(all, bad...)
		for dir, name := range implementations {
			if listed[dir] != 1 {
				all = append(all, t.found(name.Pos(), "%s is %d times in the list of %s", dir, listed[dir], r.list))
			}
		}
		for _, f := range t.files {
			if f.isTest() || f.dir == r.list {
				continue
			}
			for _, spec := range f.ast.Imports {
				if dir, ours := t.folder(importPath(spec)); ours && implementations[dir] != nil && !within(f.dir, dir) && bothHalves[dir] != f.dir {
					all = append(all, t.found(spec.Pos(), "imports %s, which only %s may", dir, r.list))
				}
			}
		}
	}
	return all
}

// exported is where a file declares a variable of that name at its top.
func exported(f *file, name string) *ast.Ident {
	for _, d := range f.ast.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok {
				continue
			}
			for _, n := range v.Names {
				if n.Name == name {
					return n
				}
			}
		}
	}
	return nil
}

// list counts the implementations in the list of the package in a folder.
func list(t *tree, dir string, implementations map[string]*ast.Ident) (listed map[string]int, bad []finding) {
	listed = map[string]int{}
	for _, f := range t.files {
		if f.dir != dir || f.isTest() {
			continue
		}
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				v, ok := s.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for _, value := range v.Values {
					lit, ok := value.(*ast.CompositeLit)
					if !ok || !t.isList(f, lit.Type) {
						continue
					}
					for _, e := range lit.Elts {
						of, ok := element(t, f, e)
						if !ok || implementations[of] == nil {
							bad = append(bad, t.found(e.Pos(), "the list has what is no folder's %s", kind))
						}
						listed[of]++
					}
				}
			}
		}
	}
	return listed, bad
}

// isList says that an expression is a slice of kinds, or a type of the tree that is one.
func (t *tree) isList(f *file, e ast.Expr) bool {
	if d := t.resolve(f, e); d != nil {
		_, e = t.underlying(d)
	}
	a, ok := e.(*ast.ArrayType)
	return ok && strings.HasSuffix("."+text(a.Elt), "."+kind)
}

// element is the folder whose Kind an element of a list is.
func element(t *tree, f *file, e ast.Expr) (string, bool) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != kind {
		return "", false
	}
	return t.folder(f.qualifier(s))
}
