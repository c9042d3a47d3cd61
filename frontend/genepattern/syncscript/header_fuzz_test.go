package syncscript

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"unicode"
)

// FuzzHeaders holds that what wget -S shows of a server's answer commands no terminal, adds no line that looks like another's, and has no
// cookie.
func FuzzHeaders(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: secret=1\r\nX: \x1b[2J\r\n\r\n")
	f.Add("HTTP/1.0 999 \u009b31m\nA: b\n c\nset-cookie2: x\n\n")
	f.Fuzz(func(t *testing.T, answer string) {
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
		if err != nil {
			return
		}
		_ = resp.Body.Close()
		text := headerText(resp)
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "  Set-Cookie:") {
				t.Errorf("shows %q", line)
			}
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
				t.Errorf("shows %q", line)
			}
		}
	})
}
