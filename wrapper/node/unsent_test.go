package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Records of this job's attempts up to the given one go, whatever numbers those have, and no other's.
func TestDropRecords(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []struct {
		id      string
		attempt int
	}{{"1", 1}, {"1", 7}, {"1", 29_999_999}, {"1", 30_000_001}, {"1.2", 1}, {"11", 1}} {
		if _, err := KeepRecord(dir, r.id, r.attempt, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1, func() { DropRecords(dir, "1", 30_000_000) }); n > 10_000 {
		t.Errorf("%v allocations for six files", n)
	}
	all, err := Unsent(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, name := range all {
		left = append(left, filepath.Base(name))
	}
	slices.Sort(left)
	if want := []string{"1.2.1.json", "1.30000001.json", "11.1.json"}; !slices.Equal(left, want) {
		t.Errorf("left: %q, want %q", left, want)
	}
	if err := os.WriteFile(filepath.Join(dir, ownDir, "1.07.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	DropRecords(dir, "1", 30_000_000)
	if Existing(filepath.Join(dir, ownDir, "1.07.json")) == "" {
		t.Error("a file that no ferry has written was removed")
	}
}

func TestRootOf(t *testing.T) {
	for _, c := range []struct {
		root, id string
		want     bool
	}{{"1.2", "1", true}, {"1.2.3", "1.2", true}, {"1.2.3", "1", false}, {"1.02", "1", false}, {"1.0", "1", false}, {"1.-1", "1", false},
		{"1.", "1", false}, {"10.1", "1", false}, {"1.+2", "1", false}} {
		if got := isRootOf(c.root, c.id); got != c.want {
			t.Errorf("isRootOf(%q, %q) is %v", c.root, c.id, got)
		}
	}
}
