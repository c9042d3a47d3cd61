package wrapper

import (
	"bytes"
	"io"
	"sync"

	"github.com/genepattern/ferry/internal/visible"
)

// moduleMark begins each line of the module's in ferry's own output. A module can print what looks like a line of ferry's log, and
// nobody must take it for one.
const moduleMark = "module | "

// maxLine is how much of a line is kept back until its end comes. A longer line becomes several.
const maxLine = 8 << 10

// A marker passes on whole lines, each with a mark before it and written at once: what others write to the same place never ends up
// in a line of the module's, nor a line of the module's without its mark. What a terminal would take for an order, such as going back
// to the start of the line, is written out. Its Write never fails: a reader that goes away must not stop the module.
type marker struct {
	w io.Writer // nil for nobody

	mu      sync.Mutex
	line    []byte // so far
	afterCR bool   // the line before ended with \r, so a \n does not end another
}

func (m *marker) Write(p []byte) (int, error) {
	if m.w == nil {
		return len(p), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for rest := p; len(rest) > 0; {
		i := bytes.IndexAny(rest, "\r\n")
		part, end := rest, byte(0)
		if i >= 0 {
			part, end = rest[:i], rest[i]
			rest = rest[i+1:]
		} else {
			rest = nil
		}
		for len(m.line)+len(part) > maxLine {
			n := maxLine - len(m.line)
			m.line = append(m.line, part[:n]...)
			part = part[n:]
			m.out()
		}
		m.line = append(m.line, part...)
		if m.afterCR && len(m.line) == 0 && end == '\n' {
			m.afterCR = false
			continue
		}
		if end != 0 || len(m.line) > 0 {
			m.afterCR = end == '\r'
		}
		if end != 0 {
			m.out()
		}
	}
	return len(p), nil
}

// flush passes on a last line that has no end.
func (m *marker) flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.line) > 0 {
		m.out()
	}
}

func (m *marker) out() {
	text := append([]byte(moduleMark), visible.Line(m.line)...)
	_, _ = m.w.Write(append(text, '\n'))
	m.line = m.line[:0]
}
