package tree

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	for path, ok := range map[string]bool{
		"a": true, "a/b": true, "a/": true, "...": true, "a..b": true, "a/.b": true, " ": true, "a\nb": true, "*": true, "%2e%2e/a": true,
		strings.Repeat("n", 255): true, strings.Repeat("n", 256): false, "a\x00b": false,
		"": false, "/": false, "/a": false, "..": false, "../a": false, "a/../b": false, "a/..": false, ".": false, "./a": false, "a//b": false, "a//": false,
		tempPrefix + "1": false, "d/" + tempPrefix + "1": false,
	} {
		if err := CheckPath(path); (err == nil) != ok {
			t.Errorf("CheckPath(%q) = %v", path, err)
		}
	}
}

// What is accepted stays inside, and is the only spelling of its path.
func FuzzCheckPath(f *testing.F) {
	f.Add("a/../b")
	f.Fuzz(func(t *testing.T, path string) {
		if CheckPath(path) != nil {
			return
		}
		file := strings.TrimSuffix(path, "/")
		if !filepath.IsLocal(file) || filepath.Clean(file) != file {
			t.Errorf("%q is accepted", path)
		}
	})
}
