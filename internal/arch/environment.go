package arch

import (
	"go/ast"
	"slices"
	"strings"
)

// worldly are the functions by which a process reads what only its main function should know, or ends itself.
var worldly = map[string][]string{
	"os":      {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv", "Clearenv", "Exit"},
	"syscall": {"Getenv", "Environ", "Setenv", "Unsetenv", "Clearenv", "Exit"},
}

// environment finds where a room other than cmd reads the environment or ends the process, and where cmd ends it outside
// main.go. Every log package's Fatal ends it, too.
func environment(t *tree) (all []finding) {
	for _, f := range t.files {
		if f.isTest() {
			continue
		}
		inCmd := within(f.dir, "cmd")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name := s.Sel.Name
			fatal := strings.HasPrefix(name, "Fatal")
			switch {
			case !fatal && !slices.Contains(worldly[f.qualifier(s)], name):
			case inCmd && !fatal && (name != "Exit" || strings.HasSuffix(f.path, "/main.go")):
			case inCmd:
				all = append(all, t.found(s.Pos(), "uses %s, which only main.go may", text(s)))
			default:
				all = append(all, t.found(s.Pos(), "uses %s, which only cmd may", text(s)))
			}
			return true
		})
	}
	return all
}
