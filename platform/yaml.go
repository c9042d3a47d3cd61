package platform

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A pair is an entry of a mapping, and pairs are a mapping in its order. A list is a []any.
type pair struct {
	key   string
	value any
}

type pairs []pair

// add adds an entry, unless its value is empty.
func (p *pairs) add(key string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	case pairs:
		if len(v) == 0 {
			return
		}
	}
	*p = append(*p, pair{key, value})
}

// strs is a list of strings.
func strs(all []string) (list []any) {
	for _, s := range all {
		list = append(list, s)
	}
	return list
}

// document writes YAML. Every string is quoted as in JSON: what looks like a number, a time or a truth to some version of YAML is none.
func document(head string, top pairs) string {
	var b strings.Builder
	b.WriteString(head)
	writePairs(&b, top, "", "")
	return b.String()
}

// writePairs writes a mapping. first is what stands before its first key.
func writePairs(b *strings.Builder, all pairs, indent, first string) {
	for i, p := range all {
		lead := indent
		if i == 0 && first != "" {
			lead = first
		}
		b.WriteString(lead + p.key + ":")
		writeValue(b, p.value, indent)
	}
}

func writeValue(b *strings.Builder, value any, indent string) {
	switch v := value.(type) {
	case pairs:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		b.WriteString("\n")
		writePairs(b, v, indent+"  ", "")
	case []any:
		b.WriteString("\n")
		for _, x := range v {
			if m, ok := x.(pairs); ok {
				writePairs(b, m, indent+"    ", indent+"  - ")
				continue
			}
			fmt.Fprintf(b, "%s  - %s\n", indent, scalar(x))
		}
	default:
		fmt.Fprintf(b, " %s\n", scalar(v))
	}
}

// scalar is a string, number or truth in JSON. What JSON writes as \u003c and the like YAML reads so, too.
func scalar(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and truths only
	}
	return string(data)
}
