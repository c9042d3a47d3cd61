package scripts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// Every attack of docs/security.md names tests, and these are there: `./package TestName`, or `chaos: words of a row's name`.
func TestAttacksAreTested(t *testing.T) {
	const heading = "| attack | what holds | test |\n|---|---|---|\n"
	_, rows, ok := strings.Cut(doc(t, "docs/security.md"), heading)
	if !ok {
		t.Fatal("docs/security.md has no table of attacks")
	}
	chaos := sources(t, "internal/chaos")
	n := 0
	for row := range strings.Lines(rows) {
		if !strings.HasPrefix(row, "|") {
			break
		}
		n++
		cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), " | ")
		if len(cells) != 3 {
			t.Errorf("a row has %d cells: %s", len(cells), row)
			continue
		}
		named := code.FindAllStringSubmatch(cells[2], -1)
		if len(named) == 0 {
			t.Errorf("no test is named: %s", row)
		}
		for _, m := range named {
			if words, ok := strings.CutPrefix(m[1], "chaos: "); ok {
				if !strings.Contains(chaos, words) {
					t.Errorf("internal/chaos has no row %q", words)
				}
				continue
			}
			dir, name, _ := strings.Cut(m[1], " ")
			if !strings.HasPrefix(dir, "./") || !regexp.MustCompile(`(?m)^func `+regexp.QuoteMeta(name)+`\(`).MatchString(sources(t, dir)) {
				t.Errorf("there is no test %q", m[1])
			}
		}
	}
	if n == 0 {
		t.Error("the table of attacks is empty")
	}
}

// sources is the text of a directory's tests.
func sources(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testenv.Root(), dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
