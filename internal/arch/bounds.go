package arch

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// wholes are what reads something to its end, or a piece of it that has no bound: functions by package, "" for methods.
var wholes = map[string][]string{
	"io":            {"ReadAll"},
	"os":            {"ReadFile"},
	"io/fs":         {"ReadFile"},
	"encoding/json": {"NewDecoder"},
	"encoding/xml":  {"NewDecoder"},
	"encoding/gob":  {"NewDecoder"},
	"":              {"ReadFile", "ReadFrom", "ReadString", "ReadBytes"},
}

// bounding are calls that say how much there can be. A section as long as the file itself says nothing.
var bounding = []string{"io.LimitReader(", "io.NewSectionReader(", "bytes.NewReader(", "strings.NewReader("}

// bounds finds where ferry reads whole a thing whose size others decide. internal/bounded is for that.
func bounds(t *tree) (all []finding) {
	for _, f := range t.files {
		if f.isTest() || f.dir == "internal/bounded" || unbounded[f.path] != "" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !readsWhole(f, s, len(call.Args)) {
				return true
			}
			expr := types.ExprString(call)
			limited := slices.ContainsFunc(bounding, func(b string) bool { return strings.Contains(expr, b) }) && !strings.Contains(expr, ".Size()")
			if !limited {
				all = append(all, t.found(call.Pos(), "calls %s without a bound; internal/bounded has one", text(s)))
			}
			return true
		})
	}
	return all
}

// readsWhole reports whether a call of s with so many arguments is of wholes. Functions of other packages with such a name are not.
func readsWhole(f *file, s *ast.SelectorExpr, args int) bool {
	if pkg := f.qualifier(s); pkg != "" {
		return slices.Contains(wholes[pkg], s.Sel.Name)
	}
	return args == 1 && slices.Contains(wholes[""], s.Sel.Name)
}
