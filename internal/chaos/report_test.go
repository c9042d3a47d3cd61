package chaos

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// printTable prints the rows that ran, for people.
func printTable(w io.Writer, rows []row, results map[string]*seen) {
	passed, failed := 0, 0
	group := ""
	for _, r := range rows {
		g := results[r.group+"/"+r.name]
		if g == nil {
			continue
		}
		if r.group != group {
			group = r.group
			fmt.Fprintf(w, "\n%s\n", group)
		}
		mark := "ok  "
		if len(g.failed) > 0 || g.engine == "" {
			mark = "FAIL"
			failed++
		} else {
			passed++
		}
		fmt.Fprintf(w, "%s %-66s %-14s seen %s (%.0f s)\n", mark, r.name, outcome(r.code, r.cause), g, g.took.Seconds())
		for _, f := range g.failed {
			fmt.Fprintf(w, "       %s\n", f)
		}
	}
	fmt.Fprintf(w, "\n%d rows as expected, %d not\n", passed, failed)
}

// marker is where the matrix stands in the document.
const marker = "<!-- matrix -->\n"

// preface is the part of the document that people write.
func preface() (string, error) {
	b, err := os.ReadFile(filepath.Join(testenv.Root(), "internal", "chaos", "testdata", "failures.md"))
	return string(b), err
}

// linesOf are the lines of a document's tables, by group and name of their rows.
func linesOf(doc string) map[string]string {
	lines, group := map[string]string{}, ""
	for line := range strings.Lines(doc) {
		if g, ok := strings.CutPrefix(line, "### "); ok {
			group = strings.TrimSpace(g)
		}
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && group != "" && name != "fault" {
			lines[group+"/"+name] = line
		}
	}
	return lines
}

// document is docs/failures.md. Rows that did not run keep what an earlier run showed of them.
func document(rows []row, results map[string]*seen, before string) string {
	old := linesOf(before)
	text, err := preface()
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	group := ""
	for _, r := range rows {
		if r.group != group {
			group = r.group
			fmt.Fprintf(&b, "\n### %s\n\n| fault | expected | seen | in the engine | on disk | in the store |\n|---|---|---|---|---|---|\n", group)
		}
		g := results[r.group+"/"+r.name]
		want := outcome(r.code, r.cause)
		if line := old[group+"/"+cell(r.name)]; g == nil && strings.HasPrefix(line, "| "+cell(r.name)+" | "+want+" |") {
			b.WriteString(line)
			continue
		}
		if g == nil {
			fmt.Fprintf(&b, "| %s | %s | not run | | | |\n", cell(r.name), want)
			continue
		}
		saw := g.outcome()
		if len(g.failed) > 0 {
			saw += " **not as it must be**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", cell(r.name), want, saw, g.engine, g.disk, g.store)
	}
	return strings.Replace(text, marker, marker+b.String(), 1)
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// The document is that of these rows.
func TestDocument(t *testing.T) {
	top, err := preface()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "failures.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	before, after, ok := strings.Cut(top, marker)
	if !ok || !strings.HasPrefix(doc, before+marker) || !strings.HasSuffix(doc, after) {
		t.Error("docs/failures.md is not made of internal/chaos/testdata/failures.md: run make chaos")
	}
	seen := map[string]bool{}
	for _, r := range all() {
		if id := r.group + "/" + r.name; seen[id] {
			t.Errorf("two rows are called %q", id)
		} else {
			seen[id] = true
		}
		if !strings.Contains(doc, "| "+cell(r.name)+" | "+outcome(r.code, r.cause)+" |") {
			t.Errorf("docs/failures.md lacks %q: run make chaos", r.name)
		}
	}
}
