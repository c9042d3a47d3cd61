package arch

import (
	"go/ast"
	"reflect"
	"slices"
	"strconv"
)

// limits finds structs and sets of methods that are too large, and structs that embed what is not theirs.
func limits(t *tree) (all []finding) {
	for _, d := range t.types {
		if d.methods > maxMethods {
			all = append(all, t.found(d.spec.Pos(), "%s has %d methods, more than %d", d.full(), d.methods, maxMethods))
		}
	}
	for _, f := range t.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			fields := 0
			for _, field := range s.Fields.List {
				fields += max(len(field.Names), 1)
				if len(field.Names) == 0 {
					if bad := t.embedding(f, field.Type); bad != "" {
						all = append(all, t.found(field.Pos(), "embeds %s, %s", text(field.Type), bad))
					}
				}
			}
			if fields > maxFields {
				all = append(all, t.found(s.Pos(), "a struct has %d fields, more than %d", fields, maxFields))
			}
			return true
		})
	}
	return all
}

// embedding says what is wrong with a file's struct embedding a type. Types of others, such as sync.Mutex, are no matter,
// nor is plain data. A document composed of documents may have methods. A test's fake embeds an interface, so that an
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
		if !isDocument(kind) && (d.methods > 0 || t.acts(in, kind)) {
			return "a struct of ours with behaviour"
		}
	default:
		if d.methods > 0 {
			return "a type of ours with behaviour"
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

// acts says that a struct has a field to act with: a function, a channel, an interface of ours, or a pointer to a type of
// ours that has methods.
func (t *tree) acts(f *file, s *ast.StructType) bool {
	return slices.ContainsFunc(s.Fields.List, func(field *ast.Field) bool {
		switch field.Type.(type) {
		case *ast.FuncType, *ast.ChanType:
			return true
		}
		d := t.resolve(f, field.Type)
		if d == nil {
			return false
		}
		_, kind := t.underlying(d)
		switch kind.(type) {
		case *ast.InterfaceType, *ast.FuncType:
			return true
		}
		_, pointer := field.Type.(*ast.StarExpr)
		return pointer && d.methods > 0
	})
}
