package module

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A word is one word of a template. The marks of its quotes are dropped already.
type word struct {
	text   string
	quoted bool // it began with a quote
}

// isBlank reports whether a character parts words.
func isBlank(c byte) bool { return strings.IndexByte(" \t\n\r\f\v", c) >= 0 }

// splitTemplate splits a template at white space. A quote at a word's beginning quotes to the next; anywhere else it is plain.
func splitTemplate(s string) ([]word, error) {
	var all []word
	for i := 0; i < len(s); {
		if isBlank(s[i]) {
			i++
			continue
		}
		var b strings.Builder
		w := word{}
		if s[i] == '"' {
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("the quote before %q does not end", cut(s[i+1:]))
			}
			b.WriteString(s[i+1 : i+1+end])
			i += end + 2
			w.quoted = true
		}
		for i < len(s) && !isBlank(s[i]) {
			b.WriteByte(s[i])
			i++
		}
		w.text = b.String()
		all = append(all, w)
	}
	return all, nil
}

// cut shortens a text for a message.
func cut(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// placeholder is <name>. A name has a bound, so that a text of many "<" and one ">" is not searched again and again.
var placeholder = regexp.MustCompile(`<[^<^ ][^>&^ ]{0,200}>`)

// maxWords and maxSize bound what a template becomes: parameters that hold each other could make it endless.
const (
	maxWords = 100_000
	maxSize  = 8 << 20
	maxDepth = 32
	maxSteps = 100_000 // placeholders that were looked up: those that stand for nothing leave no word
)

// An expander makes arguments of templates. Its resolve gives a placeholder's arguments.
type expander struct {
	resolve func(name string, within []string) ([]string, error)
	known   func(name string) bool
	words   int
	size    int
	steps   int
}

// template expands a template. In a lenient one, such as a value that a person typed, what is no placeholder that anybody knows is
// plain text, and so is a quote that does not end.
func (x *expander) template(s string, within []string, lenient bool) ([]string, error) {
	if len(within) > maxDepth {
		return nil, fmt.Errorf("<%s>: placeholders in placeholders, more than %d deep", within[0], maxDepth)
	}
	words, err := splitTemplate(s)
	if err != nil && lenient {
		words, err = nil, nil
		for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r < 128 && isBlank(byte(r)) }) {
			words = append(words, word{text: f})
		}
	}
	if err != nil {
		return nil, err
	}
	var all []string
	for _, w := range words {
		args, err := x.word(w, within, lenient)
		if err != nil {
			return nil, err
		}
		all = append(all, args...)
	}
	return all, nil
}

// word expands one word. A placeholder of one argument joins the text around it; one of more arguments parts it.
func (x *expander) word(w word, within []string, lenient bool) ([]string, error) {
	if w.text == "" {
		return []string{""}, x.count("")
	}
	var all []string
	var current strings.Builder
	flush := func() error {
		if current.Len() == 0 {
			return nil
		}
		all = append(all, current.String())
		defer current.Reset()
		return x.count(current.String())
	}
	rest := w.text
	for rest != "" {
		at := placeholder.FindStringIndex(rest)
		if at == nil {
			break
		}
		current.WriteString(rest[:at[0]])
		name := rest[at[0]+1 : at[1]-1]
		if !x.known(name) && lenient {
			// What follows the "<" may hold one that is known.
			current.WriteByte('<')
			rest = rest[at[0]+1:]
			continue
		}
		rest = rest[at[1]:]
		args, err := x.placeholder(name, within)
		switch {
		case err != nil:
			return nil, err
		case len(args) == 1:
			current.WriteString(args[0])
		case len(args) > 1:
			if err := flush(); err != nil {
				return nil, err
			}
			for _, a := range args {
				if err := x.count(a); err != nil {
					return nil, err
				}
			}
			all = append(all, args...)
		}
	}
	current.WriteString(rest)
	return all, flush()
}

func (x *expander) placeholder(name string, within []string) ([]string, error) {
	if x.steps++; x.steps > maxSteps {
		return nil, fmt.Errorf("<%s>: more than %d placeholders in placeholders", name, maxSteps)
	}
	if slices.Contains(within, name) {
		return nil, fmt.Errorf("<%s> holds itself: %s", name, strings.Join(append(within, name), " in "))
	}
	return x.resolve(name, within)
}

// count counts an argument that was made.
func (x *expander) count(arg string) error {
	x.words++
	x.size += len(arg)
	if x.words > maxWords || x.size > maxSize {
		return fmt.Errorf("the command line grows beyond %d arguments or %d bytes", maxWords, maxSize)
	}
	return nil
}

// value expands a value: like a template where it has a placeholder that is known, else it is one argument as it is.
func (x *expander) value(text string, within []string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	for from := 0; ; {
		at := placeholder.FindStringIndex(text[from:])
		if at == nil {
			return []string{text}, nil
		}
		if x.known(text[from+at[0]+1 : from+at[1]-1]) {
			return x.template(text, within, true)
		}
		from += at[0] + 1
	}
}

// withPrefix puts a prefix before arguments. One that ends in a space becomes an argument of its own, without that space.
func withPrefix(prefix string, args []string) []string {
	if prefix == "" || len(args) == 0 {
		return args
	}
	if own, ok := strings.CutSuffix(prefix, " "); ok {
		if own == "" {
			return args
		}
		return append([]string{own}, args...)
	}
	args = slices.Clone(args)
	args[0] = prefix + args[0]
	return args
}
