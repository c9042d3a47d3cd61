package s3_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/genepattern/ferry/sync/store"
)

// An answer to a deletion may begin well and be an error, of all keys or of some. What may pass is tried again, for those keys only.
func TestDeleteAnswers(t *testing.T) {
	const doc = `<?xml version="1.0" encoding="UTF-8"?>`
	oneFails := func(code string) string {
		return doc + `<DeleteResult><Error><Key>b</Key><Code>` + code + `</Code><Message>m</Message></Error></DeleteResult>`
	}
	for _, c := range []struct {
		about   string
		answers []string // the last one repeats
		asked   string   // keys of each request
		failed  bool     // b
		whole   bool     // the call
	}{
		{"removed", []string{doc + `<DeleteResult/>`}, "ab", false, false},
		{"an error with status 200, for a while", []string{doc + `<Error><Code>InternalError</Code></Error>`, doc + `<DeleteResult/>`}, "ab ab", false, false},
		{"an error with status 200", []string{doc + `<Error><Code>MalformedXML</Code></Error>`}, "ab", false, true},
		{"a key, for a while", []string{oneFails("InternalError"), oneFails("SlowDown"), doc + `<DeleteResult/>`}, "ab b b", false, false},
		{"a key that stays", []string{oneFails("InternalError")}, "ab b b", true, false},
		{"a key that is denied", []string{oneFails("AccessDenied")}, "ab", true, false},
		{"a key that is not there", []string{oneFails("NoSuchKey")}, "ab", false, false},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			var asked []string
			st := answering(t, nil, func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err != nil || r.Method != http.MethodPost {
					t.Errorf("%s: %v", r.Method, err)
				}
				keys := ""
				for _, k := range []string{"a", "b"} {
					if strings.Contains(string(b), "<Key>"+k+"</Key>") {
						keys += k
					}
				}
				asked = append(asked, keys)
				fmt.Fprint(w, c.answers[min(int(n.Add(1)), len(c.answers))-1])
			})
			err := st.Delete(t.Context(), []string{"a", "b"})
			var of *store.DeleteError
			failed := errors.As(err, &of) && len(of.Keys) == 1 && of.Keys["b"] != nil
			if got := strings.Join(asked, " "); got != c.asked || failed != c.failed || c.whole != (err != nil && of == nil) || !c.failed && !c.whole && err != nil {
				t.Errorf("asked %q, want %q: %v", got, c.asked, err)
			}
		})
	}
}
