package syncscript

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// stmt compiles one statement; nil for one that only assigns. guarded says that a failure of it is handled.
func (c *compiler) stmt(s *syntax.Stmt, guarded bool) (node, error) {
	switch {
	case s.Background, s.Coprocess, s.Disown:
		return nil, &lineError{s.Pos().Line(), errors.New("a command in the background (&) is not part of what a sync script may do; a URL with a & must be in quotes")}
	case s.Negated:
		return nil, refuse(s, "the negation !")
	}
	if call, ok := s.Cmd.(*syntax.CallExpr); ok {
		return c.call(s, call, guarded)
	}
	if d, ok := s.Cmd.(*syntax.DeclClause); ok && d.Variant.Value == "export" && len(s.Redirs) == 0 {
		return nil, c.assign(d, d.Args)
	}
	if len(s.Redirs) > 0 {
		return nil, refuse(s, "a redirection of more than one command")
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.BinaryCmd:
		return c.binary(cmd, guarded)
	case *syntax.Block:
		return c.block(cmd, guarded)
	}
	return nil, refuse(s, stmtName(s.Cmd))
}

func (c *compiler) binary(cmd *syntax.BinaryCmd, guarded bool) (node, error) {
	if cmd.Op != syntax.AndStmt && cmd.Op != syntax.OrStmt {
		return nil, refuse(cmd, "a pipe (|)")
	}
	or := cmd.Op == syntax.OrStmt
	x, err := c.inner(cmd.X, guarded || or)
	if err != nil {
		return nil, err
	}
	y, err := c.inner(cmd.Y, guarded)
	return &list{or: or, x: x, y: y}, err
}

func (c *compiler) block(cmd *syntax.Block, guarded bool) (node, error) {
	var b block
	for _, s := range cmd.Stmts {
		n, err := c.inner(s, guarded)
		if err != nil {
			return nil, err
		}
		b = append(b, n)
	}
	return b, nil
}

// inner compiles a statement inside another, where an assignment would depend on how something ends.
func (c *compiler) inner(s *syntax.Stmt, guarded bool) (node, error) {
	n, err := c.stmt(s, guarded)
	if err == nil && n == nil {
		return nil, refuse(s, "an assignment inside &&, || or { }")
	}
	return n, err
}

func (c *compiler) call(s *syntax.Stmt, call *syntax.CallExpr, guarded bool) (node, error) {
	if len(call.Args) == 0 {
		if len(s.Redirs) > 0 {
			return nil, refuse(s, "a redirection without a command")
		}
		return nil, c.assign(call, call.Assigns)
	}
	if len(call.Assigns) > 0 {
		return nil, refuse(call, "a variable for one command")
	}
	var args []field
	for _, w := range call.Args {
		f, err := c.fields(w)
		if err != nil {
			return nil, refuse(w, err.Error())
		}
		args = append(args, f...)
	}
	if len(args) == 0 {
		return nil, refuse(call, "a command that is an empty variable")
	}
	n := &simple{line: call.Pos().Line(), name: args[0].text, guarded: guarded}
	make, ok := commands[n.name]
	if !ok {
		return nil, refuse(call, fmt.Sprintf("command %q", n.name))
	}
	var err error
	if n.do, err = make(c, args[1:]); err != nil {
		return nil, at(call, fmt.Errorf("%s: %w", n.name, err))
	}
	for _, r := range s.Redirs {
		list, err := c.redirect(r)
		if err != nil {
			return nil, at(r, err)
		}
		n.redirs = append(n.redirs, list...)
	}
	return n, nil
}

func (c *compiler) assign(at syntax.Node, list []*syntax.Assign) error {
	for _, a := range list {
		if a.Naked && a.Name != nil && syntax.ValidName(a.Name.Value) {
			continue // export NAME
		}
		if a.Append || a.Naked || a.Name == nil || !syntax.ValidName(a.Name.Value) || a.Index != nil || a.Array != nil {
			return refuse(at, "an assignment other than NAME=VALUE")
		}
		v, err := c.one(a.Value)
		if err != nil {
			return refuse(at, err.Error())
		}
		c.vars[a.Name.Value] = v
	}
	return nil
}

// redirect compiles the redirections of output; there is no input that any command would read.
func (c *compiler) redirect(r *syntax.Redirect) ([]redirect, error) {
	fd := ""
	if r.N != nil {
		fd = r.N.Value
	}
	if fd != "" && fd != "1" && fd != "2" {
		return nil, refuse(r, "redirection of "+fd)
	}
	f, err := c.fields(r.Word)
	if err != nil {
		return nil, refuse(r, err.Error())
	}
	if len(f) != 1 || f[0].glob {
		return nil, refuse(r, "a redirection to other than one file")
	}
	to := redirect{out: fd != "2", err: fd == "2"}
	switch r.Op {
	case syntax.DplOut:
		if to.dup = f[0].text == "1" || f[0].text == "2"; !to.dup {
			return nil, refuse(r, "redirection to "+f[0].text)
		}
		if to.out == (f[0].text == "1") {
			return nil, nil // 1>&1
		}
		return []redirect{to}, nil
	case syntax.RdrOut, syntax.RdrClob:
		to.truncate = true
	case syntax.AppOut:
	case syntax.RdrAll, syntax.AppAll:
		if fd != "" {
			return nil, refuse(r, "redirection of "+fd+" with &>")
		}
		to.err, to.truncate = true, r.Op == syntax.RdrAll
	default:
		return nil, refuse(r, "redirection of input")
	}
	if f[0].text == "/dev/null" {
		return []redirect{to}, nil
	}
	to.path, err = c.rel(f[0].text)
	return []redirect{to}, err
}

// stmtName is what a kind of statement is called, for a reader of the script.
func stmtName(cmd syntax.Command) string {
	switch cmd := cmd.(type) {
	case nil:
		return "an empty statement"
	case *syntax.IfClause:
		return `"if"`
	case *syntax.WhileClause:
		return `"while" or "until"`
	case *syntax.ForClause:
		return `"for" or "select"`
	case *syntax.CaseClause:
		return `"case"`
	case *syntax.Subshell:
		return "a subshell ( )"
	case *syntax.FuncDecl:
		return "a function"
	case *syntax.ArithmCmd, *syntax.LetClause:
		return "arithmetic"
	case *syntax.TestClause:
		return "a test [[ ]]"
	case *syntax.DeclClause:
		return fmt.Sprintf("%q", cmd.Variant.Value)
	case *syntax.TimeClause:
		return `"time"`
	case *syntax.CoprocClause:
		return `"coproc"`
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", cmd), "*syntax.")
}
