package scripts

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/engines"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store/stores"
)

func doc(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testenv.Root(), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var update = flag.Bool("update", false, "write the tables that documents should have into them")

// checkTable compares the rows below the heading in a document with what they should be.
func checkTable(t *testing.T, path, heading, want string) {
	t.Helper()
	heading += "\n" + regexp.MustCompile(`[^|]+`).ReplaceAllString(heading, "---") + "\n"
	text := doc(t, path)
	before, rest, ok := strings.Cut(text, heading)
	if !ok {
		t.Fatalf("%s has no table with the heading\n%s", path, heading)
	}
	end := 0
	for row := range strings.Lines(rest) {
		if !strings.HasPrefix(row, "|") {
			break
		}
		end += len(row)
	}
	if rest[:end] == want {
		return
	}
	if !*update {
		have := strings.Split(rest[:end], "\n")
		for row := range strings.SplitSeq(want, "\n") {
			if !slices.Contains(have, row) {
				t.Logf("missing: %s", row)
			}
		}
		t.Fatalf("a table in %s is not that of the code; go test ./scripts -update writes it", path)
	}
	if err := os.WriteFile(filepath.Join(testenv.Root(), path), []byte(before+heading+want+rest[end:]), 0o644); err != nil {
		t.Fatal(err)
	}
}

// escape is text for a cell of a table.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(s)
}

func TestExitCodesAreDocumented(t *testing.T) {
	var want strings.Builder
	for _, e := range cause.ExitCodes {
		fmt.Fprintf(&want, "| %d | `%s` | %s |\n", e.Code, e.Cause, escape(e.Meaning))
	}
	checkTable(t, "README.md", "| code | cause | meaning |", want.String())
}

func TestOptionsAreDocumented(t *testing.T) {
	var want strings.Builder
	words := job.Vocabulary{Engines: engines.Names()}
	for _, o := range stores.All.Options() {
		if !o.Form.Copies && !o.Hidden {
			words.Stores = append(words.Stores, job.StoreOption{Name: o.Name, Arg: o.Arg, Usage: o.Usage})
		}
	}
	for _, o := range words.Options() {
		name, variable := "--"+o.Name, "FERRY_"+strings.ToUpper(strings.ReplaceAll(o.Name, "-", "_"))
		if o.Arg != "" {
			name += " " + o.Arg
		}
		usage := o.Usage
		if o.Repeat {
			usage += "; repeatable"
		}
		fmt.Fprintf(&want, "| `%s` | `%s` | %s | %s |\n", strings.ReplaceAll(name, "|", `\|`), variable, escape(usage), escape(o.Default))
	}
	checkTable(t, "docs/run.md", "| flag | variable | meaning | default |", want.String())
}

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

func TestJSONInDocumentsIsJSON(t *testing.T) {
	for _, path := range documents(t) {
		for _, m := range jsonBlock.FindAllStringSubmatch(doc(t, path), -1) {
			if !json.Valid([]byte(m[1])) {
				t.Errorf("%s: no JSON:\n%s", path, m[1])
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(doc(t, path), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(testenv.Root(), filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %q: %v", path, m[1], err)
			}
		}
	}
}

// documents are the README and all of docs.
func documents(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(testenv.Root(), "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	paths := []string{"README.md"}
	for _, p := range pages {
		paths = append(paths, filepath.Join("docs", filepath.Base(p)))
	}
	return paths
}

var code = regexp.MustCompile("`([^`]+)`")

// Every module that ferry imports has its line in docs/dependencies.md.
func TestDependenciesAreDocumented(t *testing.T) {
	var named []string
	for _, m := range code.FindAllStringSubmatch(doc(t, "docs/dependencies.md"), -1) {
		named = append(named, m[1])
	}
	root := testenv.Root()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || d.Name()[0] == '.' {
				return filepath.SkipDir // a module of its own
			}
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") && !documented(name, named) {
				t.Errorf("%s imports %q, of which docs/dependencies.md says nothing", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func documented(name string, named []string) bool {
	for _, n := range append(named, "github.com/genepattern/ferry") {
		if name == n || strings.HasPrefix(name, n+"/") {
			return true
		}
	}
	return false
}

var walkRow = regexp.MustCompile("(?m)^\\| \\d+ \\| `([^`]+)` \\| `([^`]+)` \\|")

// Every function on the walk of an input file is where docs/architecture.md says.
func TestWalkIsInTheCode(t *testing.T) {
	rows := walkRow.FindAllStringSubmatch(doc(t, "docs/architecture.md"), -1)
	if len(rows) < 20 {
		t.Fatalf("the walk has %d steps", len(rows))
	}
	for _, row := range rows {
		if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + row[2] + `\(`).MatchString(doc(t, row[1])) {
			t.Errorf("%s has no function %s", row[1], row[2])
		}
	}
}
