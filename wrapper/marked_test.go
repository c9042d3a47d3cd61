package wrapper

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// What a module prints never looks like a line of ferry's, however it is cut into writes.
func TestForgedLines(t *testing.T) {
	for _, c := range []struct{ name, printed, want string }{
		{"a line", "hello\n", "hello\n"},
		{"no end", "hello", "hello\n"},
		{"empty lines", "a\n\nb\n", "a\n\nb\n"},
		{"ends of Windows", "a\r\nb\r\n", "a\nb\n"},
		{"back to the start of the line", "x\r{\"level\":\"error\"}\n", "x\n{\"level\":\"error\"}\n"},
		{"erases the line", "x\x1b[2K\x1b[1G{}\n", "x\\x1b[2K\\x1b[1G{}\n"},
		{"backspaces", "\b\b\bferry\n", "\\x08\\x08\\x08ferry\n"},
		{"other ends of lines", "a\vb\fc\u0085d\u2028e\u2029f\n", "a\\x0bb\\x0cc\\u0085d\\u2028e\\u2029f\n"},
		{"turns the writing round", "a\u202eb\n", "a\\u202eb\n"},
		{"no UTF-8", "\xe9t\xe9\n", "\\xe9t\\xe9\n"},
		{"text", "\tgrün, 日本 \u00a0\n", "\tgrün, 日本 \u00a0\n"},
	} {
		var want strings.Builder
		for line := range strings.Lines(c.want) {
			want.WriteString(moduleMark + line)
		}
		for _, size := range []int{1, 2, 3, 1000} {
			var got bytes.Buffer
			m := &marker{w: &got}
			for rest := []byte(c.printed); len(rest) > 0; {
				n := min(size, len(rest))
				if w, err := m.Write(rest[:n]); w != n || err != nil {
					t.Fatalf("Write = %d, %v", w, err)
				}
				rest = rest[n:]
			}
			m.flush()
			if got.String() != want.String() {
				t.Errorf("%s, %d bytes at a time: %q, want %q", c.name, size, got.String(), want.String())
			}
		}
	}
}

// A line that ferry writes meanwhile stands on a line of its own, and what the module prints next has its mark.
func TestForgedLinesBesideFerrys(t *testing.T) {
	var out bytes.Buffer
	m := &marker{w: &out}
	_, _ = m.Write([]byte("begun"))
	out.WriteString("{\"level\":\"info\"}\n")
	_, _ = m.Write([]byte("{\"level\":\"error\"}\n"))
	if want := "{\"level\":\"info\"}\n" + moduleMark + "begun{\"level\":\"error\"}\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// A line without an end is passed on in pieces, each with a mark.
func TestEndlessLine(t *testing.T) {
	var out bytes.Buffer
	m := &marker{w: &out}
	const n = 10*maxLine + 7
	_, _ = m.Write(bytes.Repeat([]byte("x"), n))
	m.flush()
	count := 0
	for line := range strings.Lines(out.String()) {
		text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), moduleMark)
		if !ok || len(text) > maxLine {
			t.Fatalf("a piece of %d bytes, marked %v", len(text), ok)
		}
		count += len(text)
	}
	if count != n {
		t.Errorf("%d bytes of %d", count, n)
	}
}

// A reader that goes away does not stop the module, and neither does none.
func TestMarkerNeverFails(t *testing.T) {
	for _, m := range []*marker{{w: failing{}}, {}} {
		if n, err := m.Write([]byte("abc\n")); n != 4 || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		m.flush()
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no") }
