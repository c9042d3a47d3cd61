package wire

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'"}

// Unescape resolves the entities of XML in text, as a listing has them in keys. Those it does not know stay as they are. It is safe for
// concurrent use.
func Unescape(text []byte) string {
	if bytes.IndexByte(text, '&') < 0 {
		return string(text)
	}
	var b strings.Builder
	for {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			break
		}
		b.Write(text[:i])
		text = text[i:]
		j := bytes.IndexByte(text, ';')
		if j < 0 {
			break
		}
		name := string(text[1:j])
		if v, ok := entities[name]; ok {
			b.WriteString(v)
		} else if r, ok := numbered(name); ok {
			b.WriteRune(r)
		} else {
			b.Write(text[:j+1])
		}
		text = text[j+1:]
	}
	b.Write(text)
	return b.String()
}

// numbered is the character of "#10" or "#xA".
func numbered(name string) (rune, bool) {
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if h, hex := strings.CutPrefix(digits, "x"); hex {
		digits, base = h, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), ok && err == nil && n <= utf8.MaxRune
}
