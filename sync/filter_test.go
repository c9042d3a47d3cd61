package sync

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// The table is what Python's fnmatch.fnmatchcase says, which the AWS CLI uses.
func TestMatchAsPython(t *testing.T) {
	b, err := os.ReadFile("testdata/fnmatch.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][3]any
	if err := json.Unmarshal(b, &rows); err != nil || len(rows) < 1000 {
		t.Fatal(len(rows), err)
	}
	for _, r := range rows {
		pattern, path, want := r[0].(string), r[1].(string), r[2].(bool)
		if got := Match(pattern, path); got != want {
			t.Errorf("Match(%q, %q) = %v", pattern, path, got)
		}
	}
}

func TestLastFilterWins(t *testing.T) {
	no, yes := func(p string) Filter { return Filter{Pattern: p} }, func(p string) Filter { return Filter{Include: true, Pattern: p} }
	for _, c := range []struct {
		f    []Filter
		path string
		want bool
	}{
		{nil, "a", true},
		{[]Filter{no("*")}, "a/b", false},
		{[]Filter{no("*"), yes("*.txt")}, "a/b.txt", true},
		{[]Filter{yes("*.txt"), no("*")}, "a/b.txt", false},
		{[]Filter{no("a/*"), yes("a/b/*"), no("*.log")}, "a/b/x.log", false},
		{[]Filter{no("a/*"), yes("a/b/*"), no("*.log")}, "a/b/x", true},
	} {
		if got := included(c.f, c.path); got != c.want {
			t.Errorf("%v, %q: %v", c.f, c.path, got)
		}
	}
}

func TestNarrow(t *testing.T) {
	no, yes := func(p string) Filter { return Filter{Pattern: p} }, func(p string) Filter { return Filter{Include: true, Pattern: p} }
	for _, c := range []struct {
		f    []Filter
		want string
	}{
		{nil, ""},
		{[]Filter{no("*")}, ""},
		{[]Filter{no("*"), yes("dir/name.gct")}, "dir/name.gct"},
		{[]Filter{yes("other"), no("*"), yes("dir/na*"), no("*.log"), yes("dir/x")}, "dir/"},
		{[]Filter{no("*"), yes("a"), yes("b")}, ""},
		{[]Filter{no("*.x"), yes("a")}, ""},
		{[]Filter{no("*"), yes("é1"), yes("è2*")}, ""}, // their first byte is the same
		{[]Filter{no("*"), yes("日本1"), yes("日木*")}, "日"},
		{[]Filter{no("*"), yes("a\xff*")}, "a"},
	} {
		if got := narrow(c.f); got != c.want {
			t.Errorf("%v: %q, want %q", c.f, got, c.want)
		}
	}
}

// reference is the matcher as its definition says it, in exponential time.
func reference(pattern, path string) bool {
	if pattern == "" {
		return path == ""
	}
	if pattern[0] == '*' {
		for i := 0; i <= len(path); i++ {
			if (i == len(path) || utf8.RuneStart(path[i])) && reference(pattern[1:], path[i:]) {
				return true
			}
		}
		return false
	}
	if path == "" {
		return false
	}
	pn, sn, ok := matchOne(pattern, path)
	return ok && reference(pattern[pn:], path[sn:])
}

func FuzzMatch(f *testing.F) {
	f.Add("*", "a")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if strings.Count(pattern, "*") > 4 || len(path) > 40 || len(pattern) > 40 || !utf8.ValidString(path) || !utf8.ValidString(pattern) {
			Match(pattern, path) // must end
			return
		}
		if got, want := Match(pattern, path), reference(pattern, path); got != want {
			t.Errorf("Match(%q, %q) = %v", pattern, path, got)
		}
		literal := narrow([]Filter{{Pattern: "*"}, {Include: true, Pattern: pattern}})
		if Match(pattern, path) && !strings.HasPrefix(path, literal) {
			t.Errorf("%q matches %q, but narrows to %q", path, pattern, literal)
		}
	})
}
