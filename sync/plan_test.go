package sync

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

func objectsOf(prefix string, paths []string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for _, p := range paths {
			if !yield(store.Object{Key: prefix + p}, nil) {
				return
			}
		}
	}
}

func entriesOf(paths []string) iter.Seq[tree.Entry] {
	return func(yield func(tree.Entry) bool) {
		for _, p := range paths {
			if !yield(tree.Entry{Path: p}) {
				return
			}
		}
	}
}

// distinct is the lines in order, each once.
func distinct(lines string) []string {
	s := strings.Split(lines, "\n")
	slices.Sort(s)
	return slices.Compact(s)
}

func FuzzMerge(f *testing.F) {
	f.Add("a\nb", "b\nc")
	f.Fuzz(func(t *testing.T, left, right string) {
		objects, files := distinct(left), distinct(right)
		var got []string
		for p, err := range merge(t.Context(), objectsOf("in/", objects), "in/", entriesOf(files)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.path)
			if p.obj != nil && p.obj.Key != "in/"+p.path {
				t.Errorf("%q with object %q", p.path, p.obj.Key)
			}
			if (p.obj != nil) != slices.Contains(objects, p.path) {
				t.Errorf("%q: object %v", p.path, p.obj)
			}
			within := isDir(p.path) && p.obj != nil && slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, p.path) })
			if (p.file != nil) != (slices.Contains(files, p.path) || within) {
				t.Errorf("%q: file %v", p.path, p.file)
			}
		}
		want := distinct(left + "\n" + right)
		if !slices.Equal(got, want) {
			t.Errorf("merged %q, want %q", got, want)
		}
	})
}

func FuzzClashes(f *testing.F) {
	f.Add("a\na/b")
	f.Fuzz(func(t *testing.T, lines string) {
		var c clashes
		var kept []string
		for _, p := range distinct(lines) {
			if p == "" {
				continue
			}
			want := slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(p, k+"/") })
			if _, got := c.add(p); got != want {
				t.Errorf("%q after %q: %v", p, kept, got)
			}
			if !want && !isDir(p) {
				kept = append(kept, p)
			}
		}
	})
}
