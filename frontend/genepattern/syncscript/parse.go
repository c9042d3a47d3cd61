package syncscript

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/job"
)

// Bounds of a script. A server's has three hundred bytes an input.
const (
	maxScript     = 16 << 20 // bytes
	maxStatement  = 64 << 10 // bytes
	maxOpen       = 2000     // ( and { in one statement; bounds how deep it nests, and with it the parser's stack
	maxMessage    = 500      // bytes of an error's text, which may quote the script
	maxStatements = 50_000
)

// A node is a piece of a script as it will run.
type node interface {
	each(func(*simple))
	run(*task) error
}

type (
	// simple is one command with its redirections.
	simple struct {
		line    uint
		name    string
		do      command
		redirs  []redirect
		guarded bool // its failure is handled by what follows ||
	}
	// list is x && y, or x || y.
	list struct {
		or   bool
		x, y node
	}
	// block is { …; }.
	block []node
)

func (s *simple) each(f func(*simple)) { f(s) }
func (l *list) each(f func(*simple))   { l.x.each(f); l.y.each(f) }
func (b block) each(f func(*simple)) {
	for _, n := range b {
		n.each(f)
	}
}

// A redirect sends the output of one command to a file of the root; the empty path is /dev/null.
type redirect struct {
	out, err bool
	path     string
	truncate bool
	dup      bool // the other stream's destination, as in 2>&1
}

// compiler turns statements into nodes. Variables are known in full beforehand, so that a script is checked to its last
// line before its first one runs.
type compiler struct {
	words
	paths
	mayFetch func(url string) bool
}

// compile is the whole script as nodes. Its errors' cause is CauseStageIn for what is no shell script, CauseRefused for
// what a sync script may not do; they name the line.
func compile(name string, src []byte, j job.Job) ([]node, error) {
	c := &compiler{
		words: words{vars: variables(j), left: maxExpanded},
		paths: newPaths(j),

		mayFetch: j.MayFetch,
	}
	var nodes []node
	// The limit is of one statement: it starts again with each, plus what the parser had read ahead.
	lim := &limited{src: bytes.NewReader(src)}
	var failed error
	// Called as a function rather than ranged over: the parser goes on to report a syntax error after being told to stop.
	syntax.NewParser(syntax.Variant(syntax.LangBash)).StmtsSeq(lim)(func(stmt *syntax.Stmt, err error) bool {
		if failed != nil {
			return false
		}
		if err != nil {
			failed = syntaxError(name, err)
			return false
		}
		lim.used, lim.open = 0, 0
		n, err := c.stmt(stmt, false)
		switch {
		case err != nil:
			failed = scriptError(name, err)
		case len(nodes) == maxStatements:
			failed = cause.Fail(cause.Refused, "", "sync script %q: more than %d statements", name, maxStatements)
		case n != nil:
			nodes = append(nodes, n)
		}
		return failed == nil
	})
	return nodes, failed
}

func syntaxError(name string, err error) error {
	var pe syntax.ParseError
	if errors.As(err, &pe) {
		return cause.Fail(cause.StageIn, "", "sync script %q, line %d: %s", name, pe.Pos.Line(), pe.Text)
	}
	if errors.Is(err, errLongStatement) || errors.Is(err, errNested) {
		return cause.Fail(cause.Refused, "", "sync script %q: %w", name, err)
	}
	return cause.Fail(cause.StageIn, "", "sync script %q: %w", name, err)
}

// scriptError gives the error of a line the script's name. A script quotes URLs, and these may hold passwords.
func scriptError(name string, err error) error {
	var le *lineError
	if errors.As(err, &le) {
		return cause.Fail(cause.Refused, "", "sync script %q, line %d: %s", name, le.line, message(le.err))
	}
	return cause.Fail(cause.Refused, "", "sync script %q: %s", name, message(err))
}

// message is an error's text without what must not or cannot be shown.
func message(err error) string {
	text := egress.Scrub(err.Error())
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

// A lineError is an error with the line of the script that it is about.
type lineError struct {
	line uint
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

func at(n syntax.Node, err error) error {
	var le *lineError
	if err == nil || errors.As(err, &le) {
		return err
	}
	return &lineError{n.Pos().Line(), err}
}

func refuse(n syntax.Node, what string) error {
	return &lineError{n.Pos().Line(), fmt.Errorf("%s is not part of what a sync script may do", what)}
}

var (
	errLongStatement = fmt.Errorf("a statement of more than %d bytes", maxStatement)
	errNested        = fmt.Errorf("a statement with more than %d parentheses and braces", maxOpen)
)

// limited reads a script for as long as no statement is longer than maxStatement, or opens more than maxOpen.
type limited struct {
	src        io.Reader
	used, open int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.used > maxStatement {
		return 0, errLongStatement
	}
	n, err := l.src.Read(p)
	l.used += n
	if l.open += bytes.Count(p[:n], []byte("(")) + bytes.Count(p[:n], []byte("{")); l.open > maxOpen {
		return 0, errNested
	}
	return n, err
}

// variables are those a script sees. A server's wrapper had more of them; no generated script uses any.
func variables(j job.Job) map[string]string {
	return map[string]string{
		"GP_LOCAL_PREFIX": j.LocalPrefix, "AWS_S3_PREFIX": j.Remote, "GP_JOB_ID": j.Identity.ID, "GP_USER_ID": j.Identity.User,
		"GP_JOB_WORKING_DIR": j.Dirs.Work, "GP_JOB_METADATA_DIR": j.Dirs.Metadata, "GP_MODULE_DIR": j.Dirs.Tasklib,
	}
}
