package visible

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var seen = map[string]string{
	"":                          "",
	"plain\ttext":               "plain\ttext",
	"Zürich 好 😀":                "Zürich 好 😀",
	"\x1b[2Jgone":               `\x1b[2Jgone`,
	"\x1b]0;title\x07":          `\x1b]0;title\x07`,
	"\u009b31m":                 `\u009b31m`,
	"\x9b31m":                   `\x9b31m`,
	"a\rb\x08\x7f":              `a\x0db\x08\x7f`,
	"\u202egnp.exe\u2066":       `\u202egnp.exe\u2066`,
	"a\u2028b\u2029":            `a\u2028b\u2029`,
	"two\nlines":                `two\x0alines`,
	"\u0085next":                `\u0085next`,
	"half \xe2\x82":             `half \xe2\x82`,
	"\U000e0001 stays as it is": "\U000e0001 stays as it is",
}

func TestText(t *testing.T) {
	for in, want := range seen {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
		if got := string(Line([]byte(in))); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

// However the bytes come, the outcome is the same.
func TestWriter(t *testing.T) {
	const in, want = "first\r\n\x1b[1mbold 好\u009b\nlast ü", "first\n" + `\x1b[1mbold 好\u009b` + "\nlast ü"
	for size := 1; size <= len(in); size++ {
		var out bytes.Buffer
		w := &Writer{W: &out}
		for rest := in; rest != ""; {
			n := min(size, len(rest))
			if k, err := w.Write([]byte(rest[:n])); k != n || err != nil {
				t.Fatalf("Write gives %d, %v", k, err)
			}
			rest = rest[n:]
		}
		if got := strings.ReplaceAll(out.String(), `\x0d`, ""); got != want {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

// FuzzText holds that nothing passes which a terminal obeys.
func FuzzText(f *testing.F) {
	for in := range seen {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		w := &Writer{W: &out}
		for _, b := range []byte(in) {
			_, _ = w.Write([]byte{b})
		}
		for _, text := range []string{Text(in), strings.ReplaceAll(out.String(), "\n", "")} {
			if !utf8.ValidString(text) {
				t.Errorf("%q is not UTF-8", text)
			}
			for _, r := range text {
				if r != '\t' && unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
					t.Errorf("%q has %U", text, r)
				}
			}
		}
	})
}
