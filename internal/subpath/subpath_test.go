package subpath

import (
	"slices"
	"testing"
)

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		dir, p string
		want   bool
	}{
		{"/in", "/in", true},
		{"/in", "/in/x", true},
		{"/in/", "/in", true},
		{"/in", "/in/", true},
		{"/in", "/in2", false},
		{"/in", "/", false},
		{"/in", "/in/../out", false},
		{"/", "/in", true},
		{"/", "/", true},
	} {
		if got := Within(c.dir, c.p); got != c.want {
			t.Errorf("Within(%q, %q) = %t", c.dir, c.p, got)
		}
	}
}

func TestOutermost(t *testing.T) {
	got := Outermost([]string{"/b/c/", "/a-b", "/a/x", "/b", "/a", "//b/y", "/b/", "/in2", "/in", "in/z"})
	if want := []string{"/a", "/a-b", "/b", "/in", "/in2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Outermost([]string{"/x", "/"}); !slices.Equal(got, []string{"/"}) {
		t.Errorf("got %q", got)
	}
}
