package module

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A mapping keeps the order of its file.
type mapping []entry

type entry struct {
	key   string
	value any // nil, string, []any or mapping
}

// maxNested bounds how deep a file's values lie in each other.
const maxNested = 20

// parseYAML reads YAML 1.1 or JSON. Every scalar but null is a text: numbers as they are written, and yes, no, on, off as true and
// false. Tags are passed over.
func parseYAML(data []byte) (v any, err error) {
	defer func() { // the library's, on odd files
		if p := recover(); p != nil {
			err = fmt.Errorf("it is no YAML: %v", p)
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, errors.New(strings.Join(strings.Fields(firstLine(err.Error())), " "))
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, errors.New("it is empty")
	}
	if len(file.Docs) > 1 {
		return nil, errors.New("it has several documents")
	}
	return plain(file.Docs[0].Body, 0)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

func plain(n ast.Node, depth int) (any, error) {
	if depth > maxNested {
		return nil, fmt.Errorf("values in values, more than %d deep", maxNested)
	}
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil, nil
	case *ast.TagNode:
		return plain(n.Value, depth+1)
	case *ast.MappingNode:
		return plainMapping(n.Values, depth)
	case *ast.MappingValueNode:
		return plainMapping([]*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		all := []any{}
		for _, x := range n.Values {
			v, err := plain(x, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		return all, nil
	case *ast.StringNode:
		if n.Token != nil && n.Token.Type == token.StringType {
			switch strings.ToLower(n.Value) {
			case "yes", "on":
				return "true", nil
			case "no", "off":
				return "false", nil
			}
		}
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.BoolNode:
		return strings.ToLower(n.Token.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return nil, fmt.Errorf("line %d: %s is not understood here", line(n), n.Type())
}

func plainMapping(values []*ast.MappingValueNode, depth int) (any, error) {
	all := mapping{}
	for _, e := range values {
		key, err := plain(e.Key, depth+1)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("line %d: a key is no text", line(e))
		}
		v, err := plain(e.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if all.has(name) {
			return nil, fmt.Errorf("line %d: %s stands twice", line(e), name)
		}
		all = append(all, entry{name, v})
	}
	return all, nil
}

func (m mapping) has(key string) bool {
	for _, e := range m {
		if e.key == key {
			return true
		}
	}
	return false
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
