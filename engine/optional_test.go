package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const enginePath = "github.com/genepattern/ferry/engine"

// optional are the methods that some engines and containers have besides those of engine.Engine and engine.Container.
var optional = map[string]bool{"Local": true, "Self": true, "CopyIn": true, "CopyOut": true, "Lstat": true, "Images": true, "Describe": true, "Changes": true, "Probe": true, "Sweep": true}

// TestAssertions looks through the repository for type assertions on engines and their containers: what an engine has
// besides is found in optional.go alone.
func TestAssertions(t *testing.T) {
	files, inOptional := 0, 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "bin" || d.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(file) != ".go":
			return nil
		}
		files++
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, at := range assertions(parsed) {
			if file == filepath.Join("..", "engine", "optional.go") {
				inOptional++
				continue
			}
			t.Errorf("%s: a type assertion on an engine; engine/optional.go has the function that finds it", set.Position(at))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 || inOptional < 5 {
		t.Errorf("%d files and %d assertions in optional.go were seen; is this test blind?", files, inOptional)
	}
}

func TestAssertionsAreSeen(t *testing.T) {
	for text, want := range map[string]int{
		`import "` + enginePath + `"; func f(c any) { _ = c.(engine.Copier) }`:                                1,
		`import e "` + enginePath + `/docker"; func f(c any) { _, _ = c.(*e.Engine) }`:                        1,
		`import "` + enginePath + `"; func f(c any) { switch c.(type) { case int, engine.Inspector: } }`:      1,
		`func f(c any) { _ = c.(interface{ Local() bool }) }`:                                                 1,
		`import "io"; func f(c any) { _ = c.(io.Reader); _ = c.(interface{ Close() error }) }`:                0,
		`import "` + enginePath + `"; func f(c any) { var _ engine.Copier; _ = engine.Image{}; _ = c.(int) }`: 0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(assertions(f)); got != want {
			t.Errorf("%d assertions in %q, want %d", got, text, want)
		}
	}
}

// assertions are the places in a file that assert a type of package engine or of a package below it, or an interface with
// one of the optional methods.
func assertions(f *ast.File) (all []token.Pos) {
	imported := map[string]bool{}
	for _, i := range f.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		if name != enginePath && !strings.HasPrefix(name, enginePath+"/") {
			continue
		}
		if i.Name != nil {
			imported[i.Name.Name] = true
		} else {
			imported[name[strings.LastIndex(name, "/")+1:]] = true
		}
	}
	check := func(x ast.Expr) {
		if x != nil && ofEngine(x, imported, f.Name.Name == "engine") {
			all = append(all, x.Pos())
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeAssertExpr:
			check(n.Type)
		case *ast.TypeSwitchStmt:
			for _, c := range n.Body.List {
				for _, x := range c.(*ast.CaseClause).List {
					check(x)
				}
			}
		}
		return true
	})
	return all
}

func ofEngine(x ast.Expr, imported map[string]bool, inside bool) bool {
	switch x := x.(type) {
	case *ast.StarExpr:
		return ofEngine(x.X, imported, inside)
	case *ast.SelectorExpr:
		p, ok := x.X.(*ast.Ident)
		return ok && imported[p.Name]
	case *ast.Ident:
		return inside && x.IsExported()
	case *ast.InterfaceType:
		for _, m := range x.Methods.List {
			for _, name := range m.Names {
				if optional[name.Name] {
					return true
				}
			}
		}
	}
	return false
}
