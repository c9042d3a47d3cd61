package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
)

// kind checks that what the kind says of itself is so: URLs, and the hint that comes with an error.
func (s Suite) kind(t *testing.T) {
	st := s.New(t)
	at, _, err := store.Parse(st.URL(""), []store.Kind{s.Kind})
	if err != nil || at.String() != st.URL("") {
		t.Errorf("%q is parsed to %q, %v", st.URL(""), at, err)
	}
	if got, want := st.URL("a/b c"), strings.TrimSuffix(st.URL(""), "/")+"/a/b c"; got != want {
		t.Errorf("the URL of a key is %q, want %q", got, want)
	}
	if s.Kind.Name == "" || s.Kind.Form == "" || s.Kind.Open == nil {
		t.Errorf("a kind with nothing to say: %+v", s.Kind)
	}
	for why := range s.Kind.Hints {
		if why == nil {
			t.Error("a hint for no error")
		}
	}
}

// hinted checks that an error brings its kind's hint.
func (s Suite) hinted(t *testing.T, why, err error) {
	t.Helper()
	named := cause.Name(t.Context(), cause.StageIn, "", err)
	if got, want := cause.HintOf(named), s.Kind.Hints[why]; got != want {
		t.Errorf("%v comes with the hint %q, want %q", err, got, want)
	}
}

// unsupported is what the kind says it cannot do.
func (s Suite) unsupported(t *testing.T) {
	st, can := s.New(t), s.Kind.Can
	s.put(t, st, "a", []byte("x"))
	if !can.List {
		var failed error
		for _, err := range st.List(t.Context(), "") {
			failed = err
		}
		if !errors.Is(failed, errors.ErrUnsupported) {
			t.Errorf("List: %v", failed)
		}
	}
	if !can.Write {
		if _, err := st.Put(t.Context(), "a", store.Body{Bytes: []byte("y")}, store.PutOptions{}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Put: %v", err)
		}
	}
	if !can.Delete {
		if err := st.Delete(t.Context(), []string{"a"}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Delete: %v", err)
		}
	}
	if _, b := Get(t, st, "a", store.OpenOptions{}); string(b) != "x" {
		t.Errorf("after that the object is %q", b)
	}
}
