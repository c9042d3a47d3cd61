package visible

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// Text is a text with all of it written out that is no text: control characters, line ends included, what is not UTF-8, and characters
// that change the direction of writing. A tab stays.
func Text(s string) string {
	if plain(s) {
		return s
	}
	return string(spelled([]byte(s)))
}

// Line is a line likewise, as bytes.
func Line(line []byte) []byte {
	if plain(line) {
		return line
	}
	return spelled(line)
}

func plain[T string | []byte](s T) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b >= 0x7f {
			return false
		}
	}
	return true
}

func spelled(line []byte) []byte {
	var out []byte
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		switch {
		case r == utf8.RuneError && n == 1:
			out = fmt.Appendf(out, `\x%02x`, line[0])
		case r == '\t' || unicode.IsPrint(r) || unicode.Is(unicode.Zs, r):
			out = append(out, line[:n]...)
		case r < 0x80:
			out = fmt.Appendf(out, `\x%02x`, r)
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, line[:n]...)
		}
		line = line[n:]
	}
	return out
}

// A Writer passes lines on as Line has them. Line ends stay, and what has no end yet is not kept back, but for a character whose last
// bytes have not come. It is for one goroutine.
type Writer struct {
	W    io.Writer
	part []byte // of a character
}

func (w *Writer) Write(p []byte) (int, error) {
	text := append(w.part, p...)
	text, w.part = cut(text)
	var out []byte
	for line := range bytes.SplitAfterSeq(text, []byte("\n")) {
		body, ended := bytes.CutSuffix(line, []byte("\n"))
		if ended {
			body = bytes.TrimSuffix(body, []byte("\r"))
		}
		out = append(out, Line(body)...)
		if ended {
			out = append(out, '\n')
		}
	}
	if _, err := w.W.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// cut splits off a character at the end that is not whole.
func cut(text []byte) (whole, part []byte) {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return text[:i:i], bytes.Clone(text[i:])
			}
			break
		}
	}
	return text, nil
}
