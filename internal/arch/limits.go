package arch

import (
	"go/ast"
	"reflect"
	"slices"
	"strconv"
)

// limits finds structs and sets of methods that are too large. What a struct embeds of ours counts as its own: that a
// reader finds it elsewhere makes it no smaller. Tests may have as many as their stories need.
func limits(t *tree) (all []finding) {
	for _, d := range t.types {
		if n := t.methods(d, nil); n > maxMethods && !d.file.isTest() {
			all = append(all, t.found(d.spec.Pos(), "%s has %d methods, more than %d", d.full(), n, maxMethods))
		}
	}
	for _, f := range t.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range embedded(s) {
				if bad := t.embedding(f, field.Type); bad != "" {
					all = append(all, t.found(field.Pos(), "embeds %s, %s", text(field.Type), bad))
				}
			}
			if n := t.fields(f, s, nil); n > maxFields && !f.isTest() {
				all = append(all, t.found(s.Pos(), "a struct has %d fields, more than %d", n, maxFields))
			}
			return true
		})
	}
	return all
}

func embedded(s *ast.StructType) (all []*ast.Field) {
	for _, field := range s.Fields.List {
		if len(field.Names) == 0 {
			all = append(all, field)
		}
	}
	return all
}

// fields counts a struct's, with those of what it embeds. A document that is composed of documents counts each as one: the
// file that it is has them all on one level. seen are the structs on the way, for types that embed themselves.
func (t *tree) fields(f *file, s *ast.StructType, seen []*ast.StructType) (n int) {
	for _, field := range s.Fields.List {
		n += max(len(field.Names), 1)
	}
	for _, field := range embedded(s) {
		if d := t.resolve(f, field.Type); d != nil {
			if in, kind := t.underlying(d); kind != nil {
				if inner, ok := kind.(*ast.StructType); ok && !isDocument(inner) && !slices.Contains(seen, inner) {
					n += t.fields(in, inner, append(seen, s)) - 1
				}
			}
		}
	}
	return n
}

// methods counts a type's, with those of what its struct embeds.
func (t *tree) methods(d *typeDecl, seen []*typeDecl) int {
	n := d.methods
	in, kind := t.underlying(d)
	s, ok := kind.(*ast.StructType)
	if !ok {
		return n
	}
	for _, field := range embedded(s) {
		if inner := t.resolve(in, field.Type); inner != nil && !slices.Contains(seen, inner) {
			n += t.methods(inner, append(seen, d))
		}
	}
	return n
}

// embedding says what is wrong with a file's struct embedding a type. A test's fake embeds an interface, so that an
// unplanned call panics; in the program that would be a wrapper that hides what else the wrapped one can do.
func (t *tree) embedding(f *file, e ast.Expr) string {
	d := t.resolve(f, e)
	if d == nil {
		return ""
	}
	if slices.Contains(everybodys, d.spec.Name.Name) {
		return "which is a named field everywhere"
	}
	in, kind := t.underlying(d)
	switch kind := kind.(type) {
	case *ast.InterfaceType:
		if !f.isTest() {
			return "an interface of ours"
		}
	case *ast.StructType:
		if slices.Contains(everybodys, t.named(in, kind)) {
			return "which is a named field everywhere"
		}
	}
	return ""
}

// named is the name that a struct was declared by in its file.
func (t *tree) named(f *file, s *ast.StructType) (name string) {
	for n, d := range t.types {
		if d.file == f && d.spec.Type == ast.Expr(s) {
			name = n.name
		}
	}
	return name
}

// isDocument says that every field has its name in JSON.
func isDocument(s *ast.StructType) bool {
	for _, field := range s.Fields.List {
		if field.Tag == nil {
			return false
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			return false
		}
		if _, ok := reflect.StructTag(tag).Lookup("json"); !ok {
			return false
		}
	}
	return len(s.Fields.List) > 0
}
