package submit_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/genepattern/ferry/submit"
)

// The last lines of a long output come without the rest, and what follows comes as ever.
func TestTail(t *testing.T) {
	r := newRig(t)
	st := r.mustSubmit(r.order("work"))
	var long strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	for _, c := range []struct {
		text string
		tail int
		want string
	}{
		{long.String(), 2, "line 99998\nline 99999\n"},
		{long.String() + "no end", 1, "no end"},
		{"a\nb\n", 2, "a\nb\n"},
		{"a\nb\n", 9, "a\nb\n"},
		{"a\nb\n", 0, "a\nb\n"},
		{"\n\n\n", 2, "\n\n"},
		{"", 3, ""},
		{strings.Repeat("x", 100<<10), 1, strings.Repeat("x", 64<<10)},
		{strings.Repeat("x", 100<<10) + "\ny\n", 3, "y\n"},
	} {
		r.putStored("work/.gp_metadata/stdout.txt", c.text)
		var out, errs bytes.Buffer
		if err := r.Logs(t.Context(), submit.Logs{Ref: st.ID, Child: -1, Tail: c.tail, Stdout: &out, Stderr: &errs}); err != nil || out.String() != c.want {
			t.Errorf("%d of %.20q: %.40q, %v", c.tail, c.text, out.String(), err)
		}
	}
}
