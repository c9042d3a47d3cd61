package arch

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A tree is the source text of one Go module.
type tree struct {
	module string // its path
	fset   *token.FileSet
	files  []*file // sorted by path
	types  map[typeName]*typeDecl
}

// A file is one of a tree. Paths are relative to the module's root, with slashes.
type file struct {
	path, dir string
	ast       *ast.File
	imports   map[string]string // by the name that the file has for them; not those named _ or .
}

// A finding is one place where the house is left.
type finding struct {
	file string
	line int
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text) }

// load reads the module that stands in fsys, without other modules below it and without what the go tool ignores.
func load(fsys fs.FS, module string) (*tree, error) {
	t := &tree{module: module, fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return t.enter(fsys, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		return t.add(name, text)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(t.files, func(a, b *file) int { return cmp.Compare(a.path, b.path) })
	t.declare()
	return t, nil
}

func (t *tree) enter(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (t *tree) add(name string, text []byte) error {
	parsed, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	f := &file{path: name, dir: path.Dir(name), ast: parsed, imports: map[string]string{}}
	for _, spec := range parsed.Imports {
		imported := importPath(spec)
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local != "_" && local != "." {
			f.imports[local] = imported
		}
	}
	t.files = append(t.files, f)
	return nil
}

func importPath(spec *ast.ImportSpec) string {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value
	}
	return name
}

// found makes a finding at a place in a file.
func (t *tree) found(at token.Pos, format string, args ...any) finding {
	p := t.fset.Position(at)
	return finding{p.Filename, p.Line, fmt.Sprintf(format, args...)}
}

// folder is the folder of an imported package of this module; false for one of others.
func (t *tree) folder(imported string) (string, bool) {
	if imported == t.module {
		return ".", true
	}
	return strings.CutPrefix(imported, t.module+"/")
}

// isTest says that a file is no part of the program.
func (f *file) isTest() bool { return f.isTestFile() || isTestRoom(f.dir) }

func (f *file) isTestFile() bool { return strings.HasSuffix(f.path, "_test.go") }

func isTestRoom(dir string) bool {
	return strings.HasSuffix(dir, "test") || slices.ContainsFunc(testRooms, func(room string) bool { return within(dir, room) })
}

// within says that dir is the folder or below it.
func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }
