package arch

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

const module = "github.com/genepattern/ferry"

// rules by the names of their files in testdata.
var rules = map[string]func(*tree) []finding{
	"layers":      layers,
	"circles":     circles,
	"limits":      limits,
	"registry":    registered,
	"assertions":  assertions,
	"bounds":      bounds,
	"comments":    comments,
	"environment": environment,
	"groups":      groups,
}

// The house as it stands.
func TestHouse(t *testing.T) {
	house, err := load(os.DirFS(filepath.Join("..", "..")), module)
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, f := range sorted(rule(house)) {
				t.Error(f)
			}
		})
	}
}

// What the drawing names is there. Otherwise a rule about something that was renamed would hold forever.
func TestDrawing(t *testing.T) {
	below := map[string]bool{}
	for i, r := range rooms {
		for _, known := range r.may {
			if !below[known] {
				t.Errorf("%s may know %s, which is no room above its line", r.dir, known)
			}
		}
		below[r.dir] = true
		if roomOf(r.dir) != i {
			t.Errorf("%s is there twice", r.dir)
		}
	}
	house := os.DirFS(filepath.Join("..", ".."))
	names := []string{optional}
	for _, c := range confined {
		names = append(names, c.to...)
	}
	for name := range unbounded {
		names = append(names, name)
	}
	for dir := range aliases {
		names = append(names, dir)
	}
	for _, r := range registries {
		// The list may be missing as long as there is nothing to list: the rule about registries finds that.
		names = append(names, r.dir)
	}
	for _, name := range names {
		if _, err := fs.Stat(house, name); err != nil {
			t.Error(err)
		}
	}
}

// Each rule finds what is wrong in the tree bad, which says so by comments `// want "text"`, and nothing in good.
func TestRules(t *testing.T) {
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			trees := map[string]fstest.MapFS{"bad": {}, "good": {}}
			for _, f := range archive.Files {
				tree, name, _ := strings.Cut(f.Name, "/")
				if trees[tree] == nil {
					t.Fatalf("%q is in neither tree", f.Name)
				}
				trees[tree][name] = &fstest.MapFile{Data: f.Data}
			}
			for which, files := range trees {
				if len(files) == 0 {
					t.Errorf("there is no tree %s", which)
				}
				wants := expected(t, files)
				if (which == "bad") != (len(wants) > 0) {
					t.Errorf("the tree %s wants %d findings", which, len(wants))
				}
				tree, err := load(files, module)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, which, sorted(rule(tree)), wants)
			}
		})
	}
}

var want = regexp.MustCompile(`// want (".*")$`)

// expected are the findings that the comments in files ask for; their text is a part of the whole.
func expected(t *testing.T, files fstest.MapFS) (wants []finding) {
	t.Helper()
	for name, f := range files {
		if path.Ext(name) != ".go" {
			continue
		}
		for i, line := range strings.Split(string(f.Data), "\n") {
			if m := want.FindStringSubmatch(line); m != nil {
				text, err := strconv.Unquote(m[1])
				if err != nil {
					t.Fatalf("%s:%d: %v", name, i+1, err)
				}
				wants = append(wants, finding{name, i + 1, text})
			}
		}
	}
	return wants
}

func compare(t *testing.T, tree string, got, wants []finding) {
	t.Helper()
	for _, f := range got {
		i := slices.IndexFunc(wants, func(w finding) bool {
			return w.file == f.file && w.line == f.line && strings.Contains(f.text, w.text)
		})
		if i < 0 {
			t.Errorf("%s: not wanted: %v", tree, f)
			continue
		}
		wants = slices.Delete(wants, i, i+1)
	}
	for _, w := range wants {
		t.Errorf("%s: not found: %v", tree, w)
	}
}

// sorted is in the order of files and lines.
func sorted(all []finding) []finding {
	slices.SortFunc(all, func(a, b finding) int {
		return strings.Compare(fmt.Sprintf("%s:%06d:%s", a.file, a.line, a.text), fmt.Sprintf("%s:%06d:%s", b.file, b.line, b.text))
	})
	return all
}
