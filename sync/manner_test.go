package sync_test

import (
	"testing"

	ferrysync "github.com/genepattern/ferry/sync"
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
