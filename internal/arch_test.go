// Package internal_test checks the import rules of docs/architecture.md: which package may know of which.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/genepattern/ferry/"

// rules: files below the folder must not import packages with the prefix. Those below an exception may.
var rules = []struct {
	in, not string
	except  []string
}{
	{"sync", module + "wrapper", nil},
	{"sync", module + "commit", nil},
	{"sync", module + "cmd", nil},
	{"commit", module + "sync", nil},
	{"commit", module + "cmd", nil},
	{"wrapper", module + "cmd", nil},
	{"engine", module + "sync", nil},
	{"", "github.com/urfave/cli", []string{"cmd"}},
	{"", "github.com/docker/docker/client", []string{"engine/docker"}},
	{"", "github.com/aws/aws-sdk-go-v2/feature/s3/manager", []string{"sync/store/s3"}},
	{"", "github.com/aws/aws-sdk-go-v2/service/ecr", []string{"commit/ecr"}},
	{"", "gopkg.in/", nil},
}

func TestImports(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "tools" || d.Name() == "bin" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		seen++
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(file, "../"))
		for _, imp := range f.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			check(t, rel, name)
			if name == module+"sync" && (imp.Name == nil || imp.Name.Name != "ferrysync") {
				t.Errorf("%s imports sync without its agreed name, ferrysync", rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Fatalf("only %d files were checked", seen)
	}
}

func check(t *testing.T, file, imported string) {
	t.Helper()
	below := func(folder string) bool { return folder == "" || strings.HasPrefix(file, folder+"/") }
	for _, r := range rules {
		if !below(r.in) || !strings.HasPrefix(imported, r.not) {
			continue
		}
		allowed := false
		for _, e := range r.except {
			allowed = allowed || below(e)
		}
		if !allowed {
			t.Errorf("%s imports %s, which it must not know", file, imported)
		}
	}
}
