package sync_test

import (
	"errors"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// An object says what it is, by the file's name, whichever way it is sent.
func TestContentType(t *testing.T) {
	t.Parallel()
	for _, noGuess := range []bool{false, true} {
		st, srv := s3Store(t)
		src := t.TempDir()
		files(t, src, map[string]string{"r.html": "<p>", "t.tsv": "a\tb", "plain": "x", "big.csv": string(make([]byte, 6<<20))})
		o := ferrysync.Options{Manner: ferrysync.Manner{NoGuess: noGuess}}
		if _, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "p", o); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"r.html": "text/html", "t.tsv": "text/tab-separated-values", "plain": "", "big.csv": "text/csv"} {
			if noGuess {
				want = ""
			}
			if got := srv.Head(t, "p/"+name).Get("Content-Type"); got != want && (want != "" || got != "binary/octet-stream") {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

// warned are the errors of warnings.
func warned(got *events) (all []error) {
	for _, e := range got.all {
		if e.Op == ferrysync.OpWarn {
			all = append(all, e.Err)
		}
	}
	return all
}

// An archived object is left out with a warning, without one, or asked for: then its error says what it is, and not "access denied".
func TestArchived(t *testing.T) {
	t.Parallel()
	st, srv := s3Store(t)
	for _, k := range []string{"p/a", "p/cold/b", "p/cold/c"} {
		if _, err := st.Put(t.Context(), k, store.Body{Bytes: []byte(k)}, store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, class := range []string{"GLACIER", "DEEP_ARCHIVE"} {
		cold := s3At(testenv.Archive(t, srv, class, "p/cold/b", "p/cold/c"))
		for how, want := range map[ferrysync.Archived]ferrysync.Stats{
			ferrysync.ArchivedAsked:  {Files: 1, Failed: 2},
			ferrysync.ArchivedWarned: {Files: 1, Warned: 2},
			ferrysync.ArchivedSilent: {Files: 1},
		} {
			dst := t.TempDir()
			var got events
			s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), cold, "p", openRoot(t, dst), ferrysync.Options{Event: got.add, Manner: ferrysync.Manner{Archived: how}})
			if s.Files != want.Files || s.Failed != want.Failed || s.Warned != want.Warned || len(warned(&got)) != int(want.Warned) {
				t.Errorf("%s, %v: %+v", class, how, s)
			}
			if errors.Is(err, store.ErrArchived) != (want.Failed > 0) || errors.Is(err, store.ErrDenied) {
				t.Errorf("%s, %v: %v", class, how, err)
			}
			sameTree(t, readTree(t, dst), map[string]string{"a": "p/a"})
			got.all = nil
			s, err = ferrysync.New(ferrysync.Config{}).DownFile(t.Context(), cold, "p/cold/b", openRoot(t, dst), "b", ferrysync.Options{Event: got.add, Manner: ferrysync.Manner{Archived: how}})
			if errors.Is(err, store.ErrArchived) != (want.Failed > 0) || (s.Warned > 0) != (want.Warned > 0) {
				t.Errorf("one file, %s, %v: %+v, %v", class, how, s, err)
			}
		}
	}
}

// Names that differ only by case are told apart, or not, as it was asked for.
func TestCaseConflict(t *testing.T) {
	t.Parallel()
	st, _ := s3Store(t)
	for _, k := range []string{"p/A", "p/a", "p/dir/B", "p/DIR/b", "p/c"} {
		if _, err := st.Put(t.Context(), k, store.Body{Bytes: []byte(k)}, store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for how, want := range map[ferrysync.CaseConflict]struct {
		files    int64
		warnings int
	}{"": {5, 0}, ferrysync.CaseIgnore: {5, 0}, ferrysync.CaseWarn: {5, 2}, ferrysync.CaseSkip: {3, 2}} {
		var got events
		s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, t.TempDir()), ferrysync.Options{Event: got.add, Manner: ferrysync.Manner{Case: how}})
		if err != nil || s.Files != want.files || len(warned(&got)) != want.warnings {
			t.Errorf("%q: %+v, %v, %v", how, s, err, warned(&got))
		}
		for _, e := range warned(&got) {
			if !errors.Is(e, ferrysync.ErrCase) || errors.Is(e, ferrysync.ErrCaseSkipped) != (how == ferrysync.CaseSkip) {
				t.Errorf("%q: %v", how, e)
			}
		}
	}
	_, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, t.TempDir()), ferrysync.Options{Manner: ferrysync.Manner{Case: ferrysync.CaseError}})
	if !errors.Is(err, ferrysync.ErrCase) {
		t.Errorf("error: %v", err)
	}
}

// Always moves what is there, and a copy up asks for no listing.
func TestAlways(t *testing.T) {
	t.Parallel()
	p, st := faulty(t, nil)
	src := t.TempDir()
	files(t, src, map[string]string{"a": "1", "d/b": "2"})
	o := ferrysync.Options{Manner: ferrysync.Manner{Always: true}}
	for range 2 {
		s, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "p", o)
		if err != nil || s.Files != 2 || s.Skipped != 0 {
			t.Errorf("up: %+v, %v", s, err)
		}
	}
	if n := p.Count("ListObjectsV2"); n != 0 {
		t.Errorf("%d listings", n)
	}
	for range 2 {
		s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, src), o)
		if err != nil || s.Files != 2 || s.Skipped != 0 {
			t.Errorf("down: %+v, %v", s, err)
		}
	}
}
