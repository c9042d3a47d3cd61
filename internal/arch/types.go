package arch

import (
	"go/ast"
	"path"
	"strings"
)

// A typeName is where a type is declared: the package of a folder, or the one of its external tests.
type typeName struct {
	dir      string
	external bool
	name     string
}

// A typeDecl is a type declared at the top of a file.
type typeDecl struct {
	file    *file
	spec    *ast.TypeSpec
	methods int // in all files of the package, those of tests only where the type is a test's
}

// declare fills the table of types.
func (t *tree) declare() {
	t.types = map[typeName]*typeDecl{}
	for _, f := range t.files {
		for _, d := range f.ast.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, s := range g.Specs {
					if s, ok := s.(*ast.TypeSpec); ok {
						t.types[f.local(s.Name.Name)] = &typeDecl{file: f, spec: s}
					}
				}
			}
		}
	}
	for _, f := range t.files {
		for _, d := range f.ast.Decls {
			if m, ok := d.(*ast.FuncDecl); ok && m.Recv != nil {
				if decl := t.resolve(f, m.Recv.List[0].Type); decl != nil && (!f.isTestFile() || decl.file.isTestFile()) {
					decl.methods++
				}
			}
		}
	}
}

func (f *file) local(name string) typeName {
	return typeName{f.dir, strings.HasSuffix(f.ast.Name.Name, "_test"), name}
}

// resolve finds the declaration of the type that an expression names, a pointer's and a generic type's too. It is nil for
// types of others, and for those declared in a function.
func (t *tree) resolve(f *file, e ast.Expr) *typeDecl {
	switch e := e.(type) {
	case *ast.StarExpr:
		return t.resolve(f, e.X)
	case *ast.ParenExpr:
		return t.resolve(f, e.X)
	case *ast.IndexExpr:
		return t.resolve(f, e.X)
	case *ast.IndexListExpr:
		return t.resolve(f, e.X)
	case *ast.Ident:
		return t.types[f.local(e.Name)]
	case *ast.SelectorExpr:
		if dir, ok := t.folder(f.qualifier(e)); ok {
			return t.types[typeName{dir: dir, name: e.Sel.Name}]
		}
	}
	return nil
}

// qualifier is the path of the package that a selector begins with, "" where it begins with none.
func (f *file) qualifier(e *ast.SelectorExpr) string {
	if x, ok := e.X.(*ast.Ident); ok {
		return f.imports[x.Name]
	}
	return ""
}

// underlying is what a declared type is in the end, and the file that says so: a struct, an interface, or something else.
func (t *tree) underlying(d *typeDecl) (*file, ast.Expr) {
	for range t.types { // a chain is no longer than that
		next := t.resolve(d.file, d.spec.Type)
		if _, pointer := d.spec.Type.(*ast.StarExpr); pointer || next == nil {
			break
		}
		d = next
	}
	return d.file, d.spec.Type
}

// text is an expression that names a type, as a reader would write it.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return "*" + text(e.X)
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.IndexExpr:
		return text(e.X)
	case *ast.InterfaceType:
		return "interface{…}"
	}
	return "a type"
}

// full is a declared type as other packages name it.
func (d *typeDecl) full() string { return path.Base(d.file.dir) + "." + d.spec.Name.Name }
