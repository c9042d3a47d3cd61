package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/sync/store"
)

// Keys are odd ones, in order.
func Keys() []string {
	long := strings.Repeat("d/", 60) + strings.Repeat(strings.Repeat("k", 219)+"/", 4)[:880]
	keys := []string{
		"k/ leading space", "k/#hash", "k/&amp;", "k/'quote'", "k/100%", "k/100%25", "k/a+b", "k/a b", "k/a=b&c=d", "k/back\\slash",
		"k/colon:", "k/e\u0301 decomposed", "k/new\nline", "k/cr\rreturn", "k/question?", "k/semi;", "k/star*", "k/tab\t", "k/tilde~", "k/trailing space ",
		"k/<xml>", "k/[set]", "k/{brace}", "k/\"double\"", "k/\u00e9 composed", "k/\u65e5\u672c", "k/\U0001F600", "k/" + long[:len(long)-2] + "z",
	}
	slices.Sort(keys)
	return keys
}

func (s Suite) keys(t *testing.T) {
	st := s.New(t)
	var want []string
	for _, k := range Keys() {
		if slices.Contains(s.Without, k) {
			if _, err := st.Put(t.Context(), k, store.Body{Bytes: []byte(k)}, store.PutOptions{}); err == nil {
				t.Errorf("%q was said to be impossible, and is not", k)
			}
			continue
		}
		s.put(t, st, k, []byte(k))
		want = append(want, k)
	}
	if got := List(t, st, "k/"); !slices.Equal(got, want) {
		t.Errorf("listed %q\nwant   %q", got, want)
	}
	for _, k := range want {
		if _, b := Get(t, st, k, store.OpenOptions{}); string(b) != k {
			t.Errorf("%q holds %q", k, b)
		}
	}
	if err := st.Delete(t.Context(), want); err != nil {
		t.Error(err)
	}
	for _, k := range List(t, st, "k/") {
		if !strings.HasSuffix(k, "/") { // where directories are real, they may stay
			t.Errorf("left after Delete: %q", k)
		}
	}
}

func (s Suite) prefix(t *testing.T) {
	st := s.New(t)
	for _, k := range []string{"in/a", "in/b/c", "in2/d", "in.txt", "other"} {
		s.put(t, st, k, nil)
	}
	for prefix, want := range map[string][]string{
		"in/": {"in/a", "in/b/c"}, "in": {"in.txt", "in/a", "in/b/c", "in2/d"}, "in/b/": {"in/b/c"}, "none/": nil,
		"": {"in.txt", "in/a", "in/b/c", "in2/d", "other"}, "in/a/": nil,
	} {
		if got := List(t, st, prefix); !slices.Equal(got, want) {
			t.Errorf("List(%q) = %q, want %q", prefix, got, want)
		}
	}
}

func (s Suite) pages(t *testing.T) {
	st := s.New(t)
	var want []string
	jobs, done := make(chan string), make(chan error, 8)
	for range cap(done) {
		go func() {
			var first error
			for k := range jobs {
				if _, err := s.filler(st).Put(t.Context(), k, store.Body{}, store.PutOptions{}); err != nil && first == nil {
					first = err
				}
			}
			done <- first
		}()
	}
	for i := range 1101 {
		k := fmt.Sprintf("many/%d/%d", i%7, i)
		want = append(want, k)
		jobs <- k
	}
	close(jobs)
	for range cap(done) {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	c := new(store.Counter)
	var got []string
	for o, err := range st.List(store.WithCounter(t.Context(), c), "many/") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %d keys, want %d in order", len(got), len(want))
	}
	if n := c.Requests.Load(); n > 2 {
		t.Errorf("%d requests for 1101 objects", n)
	}
	n := 0
	for _, err := range st.List(t.Context(), "many/") { // leaving early must not hang or leak
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 {
			break
		}
	}
}
