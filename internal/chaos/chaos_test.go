package chaos

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestRows runs the quick rows, and with FERRY_CHAOS=all every row, those first that sleep most. FERRY_CHAOS=words runs
// the rows whose names have the words. With FERRY_CHAOS_DOC=FILE the document is written there.
func TestRows(t *testing.T) {
	which := os.Getenv("FERRY_CHAOS")
	rows := all()
	var chosen []row
	for _, r := range rows {
		if r.quick && which == "" || which == "all" || which != "" && strings.Contains(r.group+"/"+r.name, which) {
			chosen = append(chosen, r)
		}
	}
	slices.SortStableFunc(chosen, func(a, b row) int {
		switch {
		case a.slow && !b.slow:
			return -1
		case b.slow && !a.slow:
			return 1
		}
		return 0
	})
	results := map[string]*seen{}
	var mu sync.Mutex
	t.Cleanup(func() { breakable.close(t) })
	t.Cleanup(removeArchive)
	t.Run("row", func(t *testing.T) {
		for _, r := range chosen {
			runRow(t, r, func(r row, g *seen) {
				mu.Lock()
				defer mu.Unlock()
				results[r.group+"/"+r.name] = g
			})
		}
	})
	if which == "" {
		return
	}
	table := os.Stdout
	if name := os.Getenv("FERRY_CHAOS_TABLE"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		table = f
	}
	printTable(table, rows, results)
	if file := os.Getenv("FERRY_CHAOS_DOC"); file != "" {
		before, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(document(rows, results, string(before))), 0o644); err != nil {
			t.Error(err)
		}
	}
}
