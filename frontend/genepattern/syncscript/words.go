package syncscript

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// maxExpanded bounds what all words of one script become, in bytes: a few lines that double a variable would otherwise
// fill the memory. A server's script, which has hardly a variable, stays below its own size.
const maxExpanded = 32 << 20

// A field is one argument after expansion.
type field struct {
	text string
	glob bool // has a *, ? or [ that bash would expand against the file system
}

// words expands the words of a script: quotes, escapes and plain variables. Nothing else is expanded, and nothing is read
// from this machine.
type words struct {
	vars map[string]string
	left int // bytes that may still be made
}

// fields is what w becomes: none for an unquoted empty variable, several for one with white space.
func (x *words) fields(w *syntax.Word) ([]field, error) {
	if lit := w.Lit(); strings.Contains(lit, "{") && syntax.SplitBraces(&syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: lit}}}) {
		return nil, errors.New("brace expansion")
	}
	var s splitter
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			s.literal(p.Value)
		case *syntax.ParamExp:
			v, err := x.value(p)
			if err != nil {
				return nil, err
			}
			s.split(v)
		default:
			text, err := x.quoted(part)
			if err != nil {
				return nil, err
			}
			s.add(text)
		}
		if s.size > x.left {
			return nil, fmt.Errorf("words of more than %d bytes in all", maxExpanded)
		}
	}
	x.left -= s.size
	return s.done(), nil
}

// one is the single string that w becomes where nothing is split, as in an assignment.
func (x *words) one(w *syntax.Word) (string, error) {
	if w == nil {
		return "", nil
	}
	var b strings.Builder
	for _, part := range w.Parts {
		text, err := x.part(part)
		if err != nil {
			return "", err
		}
		if b.WriteString(text); b.Len() > x.left {
			return "", fmt.Errorf("words of more than %d bytes in all", maxExpanded)
		}
	}
	x.left -= b.Len()
	return b.String(), nil
}

func (x *words) part(part syntax.WordPart) (string, error) {
	switch p := part.(type) {
	case *syntax.Lit:
		var s splitter
		s.literal(p.Value)
		return s.b.String(), nil
	case *syntax.ParamExp:
		return x.value(p)
	}
	return x.quoted(part)
}

func (x *words) quoted(part syntax.WordPart) (string, error) {
	switch p := part.(type) {
	case *syntax.SglQuoted:
		if p.Dollar {
			return "", fmt.Errorf("quotes of the form $'…'")
		}
		return p.Value, nil
	case *syntax.DblQuoted:
		if p.Dollar {
			return "", fmt.Errorf("quotes of the form $\"…\"")
		}
		var b strings.Builder
		for _, inner := range p.Parts {
			switch q := inner.(type) {
			case *syntax.Lit:
				b.WriteString(unescape(q.Value))
			case *syntax.ParamExp:
				v, err := x.value(q)
				if err != nil {
					return "", err
				}
				b.WriteString(v)
			default:
				return "", fmt.Errorf("%s", partName(inner))
			}
			if b.Len() > x.left {
				return "", fmt.Errorf("words of more than %d bytes in all", maxExpanded)
			}
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("%s", partName(part))
}

// value is that of a plain $NAME or ${NAME}; an unset one is empty, as in bash.
func (x *words) value(p *syntax.ParamExp) (string, error) {
	plain := p.Param != nil && syntax.ValidName(p.Param.Value) && !p.Excl && !p.Length && !p.Width && !p.IsSet &&
		p.Flags == nil && p.NestedParam == nil && p.Index == nil && p.Modifiers == nil && p.Slice == nil &&
		p.Repl == nil && p.Names == 0 && p.Exp == nil
	if !plain {
		name := ""
		if p.Param != nil {
			name = p.Param.Value
		}
		return "", fmt.Errorf("the expansion of %q: only $NAME and ${NAME} are expanded", "$"+name)
	}
	return x.vars[p.Param.Value], nil
}

func partName(part syntax.WordPart) string {
	switch part.(type) {
	case *syntax.CmdSubst:
		return "command substitution"
	case *syntax.ArithmExp:
		return "arithmetic expansion"
	case *syntax.ProcSubst:
		return "process substitution"
	case *syntax.ExtGlob:
		return "an extended pattern"
	}
	return fmt.Sprintf("syntax of the kind %T", part)
}

// unescape takes away the backslashes that count inside double quotes.
func unescape(v string) string {
	if !strings.Contains(v, `\`) {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			switch v[i+1] {
			case '$', '`', '"', '\\':
				i++
			case '\n':
				i++
				continue
			}
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// A splitter collects the fields of one word.
type splitter struct {
	all  []field
	b    strings.Builder
	open bool // b is a field, even an empty one
	glob bool
	size int
}

// add appends text that is not split.
func (s *splitter) add(text string) {
	s.b.WriteString(text)
	s.open = true
	s.size += len(text)
}

// literal appends unquoted text of the script, in which a backslash takes the meaning from what follows.
func (s *splitter) literal(v string) {
	s.open = true
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '\\' && i+1 < len(v):
			i++
			if v[i] == '\n' {
				continue
			}
		case v[i] == '*' || v[i] == '?' || v[i] == '[':
			s.glob = true
		}
		s.b.WriteByte(v[i])
		s.size++
	}
}

// split appends an unquoted variable's value, which white space cuts into fields.
func (s *splitter) split(v string) {
	s.size += len(v)
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case ' ', '\t', '\n':
			s.cut()
			continue
		case '*', '?', '[':
			s.glob = true
		}
		s.b.WriteByte(v[i])
		s.open = true
	}
}

func (s *splitter) cut() {
	if s.open {
		s.all = append(s.all, field{s.b.String(), s.glob})
	}
	s.b.Reset()
	s.open, s.glob = false, false
}

func (s *splitter) done() []field {
	s.cut()
	return s.all
}
