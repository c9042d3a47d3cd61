package syncscript

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// A command is one of the few that a sync script may run.
type command interface {
	// touches are the trees of the root that it may change, as relative paths.
	touches() []string
	// do runs it. Its output goes to t, its error is its failure.
	do(ctx context.Context, t *task) error
}

// commands are all there are, by name. Each function checks the arguments and touches nothing.
var commands map[string]func(c *compiler, args []field) (command, error)

func init() {
	commands = map[string]func(*compiler, []field) (command, error){
		"aws": newAWS, "wget": newWget, "mkdir": newMkdir, "chmod": newChmod, "rm": newRm, "echo": newEcho,
		"true":  func(*compiler, []field) (command, error) { return status(true), nil },
		":":     func(*compiler, []field) (command, error) { return status(true), nil },
		"false": func(*compiler, []field) (command, error) { return status(false), nil },
	}
}

// status is true, : and false.
type status bool

var errFalse = errors.New("false")

func (s status) touches() []string { return nil }
func (s status) do(context.Context, *task) error {
	if s {
		return nil
	}
	return errFalse
}

type echo struct{ text string }

func newEcho(_ *compiler, args []field) (command, error) {
	end := "\n"
	for len(args) > 0 && strings.HasPrefix(args[0].text, "-") && strings.Trim(args[0].text[1:], "neE") == "" && len(args[0].text) > 1 {
		if args[0].text != "-n" {
			return nil, unsupported(args[0].text)
		}
		end, args = "", args[1:]
	}
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = a.text
	}
	return echo{strings.Join(texts, " ") + end}, nil
}

func (e echo) touches() []string { return nil }
func (e echo) do(_ context.Context, t *task) error {
	t.stdout(e.text)
	return nil
}

func unsupported(option string) error { return fmt.Errorf("option %q is not supported", option) }

// operands checks the options of a command that has only short switches, and returns which are set and the paths that
// follow. Patterns are refused: nothing is expanded against the file system.
func (c *compiler) operands(args []field, switches string) (map[rune]bool, []string, error) {
	set := map[rune]bool{}
	var rels []string
	for i, a := range args {
		if a.text == "--" {
			args = args[i+1:]
			break
		}
		if len(a.text) < 2 || a.text[0] != '-' {
			args = args[i:]
			break
		}
		for _, r := range a.text[1:] {
			if !strings.ContainsRune(switches, r) {
				return nil, nil, unsupported(a.text)
			}
			set[r] = true
		}
		if i == len(args)-1 {
			args = nil
		}
	}
	for _, a := range args {
		if a.glob {
			return nil, nil, fmt.Errorf("the pattern %q is not expanded", a.text)
		}
		rel, err := c.rel(a.text)
		if err != nil {
			return nil, nil, err
		}
		rels = append(rels, rel)
	}
	if len(rels) == 0 {
		return nil, nil, errors.New("no path is given")
	}
	return set, rels, nil
}

type mkdir struct {
	parents bool
	paths   []string
}

func newMkdir(c *compiler, args []field) (command, error) {
	set, rels, err := c.operands(args, "p")
	return mkdir{set['p'], rels}, err
}

func (m mkdir) touches() []string { return m.paths }
func (m mkdir) do(_ context.Context, t *task) error {
	var errs []error
	for _, p := range m.paths {
		if m.parents {
			errs = append(errs, t.work.Root.MkdirAll(p, 0o755))
		} else {
			errs = append(errs, t.work.Root.Mkdir(p, 0o755))
		}
	}
	return errors.Join(errs...)
}

type rm struct {
	force, tree bool
	paths       []string
}

func newRm(c *compiler, args []field) (command, error) {
	set, rels, err := c.operands(args, "frR")
	return rm{set['f'], set['r'] || set['R'], rels}, err
}

func (r rm) touches() []string { return r.paths }
func (r rm) do(_ context.Context, t *task) error {
	var errs []error
	for _, p := range r.paths {
		st, err := t.work.Root.Lstat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if !r.force {
				errs = append(errs, err)
			}
		case err != nil:
			errs = append(errs, err)
		case st.IsDir() && !r.tree:
			errs = append(errs, fmt.Errorf("%q is a directory", p))
		case r.tree:
			errs = append(errs, t.work.Root.RemoveAll(p))
		default:
			errs = append(errs, t.work.Root.Remove(p))
		}
	}
	return errors.Join(errs...)
}

type chmod struct {
	mode  func(fs.FileMode) fs.FileMode
	tree  bool
	paths []string
}

func newChmod(c *compiler, args []field) (command, error) {
	tree := false
	for len(args) > 0 && (args[0].text == "-R" || args[0].text == "-f") {
		tree = tree || args[0].text == "-R"
		args = args[1:]
	}
	if len(args) == 0 {
		return nil, errors.New("no mode is given")
	}
	mode, err := parseMode(args[0].text)
	if err != nil {
		return nil, err
	}
	_, rels, err := c.operands(args[1:], "")
	return chmod{mode, tree, rels}, err
}

func (c chmod) touches() []string { return c.paths }
func (c chmod) do(ctx context.Context, t *task) error {
	var errs []error
	for _, p := range c.paths {
		st, err := t.work.Root.Stat(p)
		if err == nil {
			err = t.work.Root.Chmod(p, c.mode(st.Mode().Perm()))
		}
		if err == nil && c.tree && st.IsDir() {
			err = c.walk(ctx, t.work.Root, p)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// walk changes what is below dir, links left alone, as chmod -R does.
func (c chmod) walk(ctx context.Context, root *os.Root, dir string) error {
	return fs.WalkDir(root.FS(), dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if p == dir || !(d.IsDir() || d.Type().IsRegular()) {
			return nil
		}
		st, err := d.Info()
		if err == nil {
			err = root.Chmod(p, c.mode(st.Mode().Perm()))
		}
		return err
	})
}

// parseMode reads an octal mode, or clauses as in "u+x,go-w". Bits that give a program other rights are refused.
func parseMode(v string) (func(fs.FileMode) fs.FileMode, error) {
	bad := fmt.Errorf("mode %q is not supported", v)
	if n, err := strconv.ParseUint(v, 8, 32); err == nil {
		if n > 0o777 {
			return nil, bad
		}
		return func(fs.FileMode) fs.FileMode { return fs.FileMode(n) }, nil
	}
	var all []func(fs.FileMode) fs.FileMode
	for _, clause := range strings.Split(v, ",") {
		i := strings.IndexAny(clause, "+-=")
		if i < 0 || strings.Trim(clause[:i], "ugoa") != "" || strings.Trim(clause[i+1:], "rwxX") != "" {
			return nil, bad
		}
		all = append(all, modeClause(clause[:i], clause[i], clause[i+1:]))
	}
	return func(m fs.FileMode) fs.FileMode {
		for _, f := range all {
			m = f(m)
		}
		return m
	}, nil
}

func modeClause(who string, op byte, perms string) func(fs.FileMode) fs.FileMode {
	if who == "" || strings.Contains(who, "a") {
		who = "ugo"
	}
	shift := map[rune]uint{'u': 6, 'g': 3, 'o': 0}
	bit := map[rune]fs.FileMode{'r': 4, 'w': 2, 'x': 1}
	return func(m fs.FileMode) fs.FileMode {
		var set, mask fs.FileMode
		for _, w := range who {
			mask |= 7 << shift[w]
			for _, p := range perms {
				b := bit[p]
				if p == 'X' && m&0o111 != 0 {
					b = 1
				}
				set |= b << shift[w]
			}
		}
		switch op {
		case '+':
			return m | set
		case '-':
			return m &^ set
		}
		return m&^mask | set
	}
}

// above is the directory that a path of the root lies in, "." for the root itself.
func above(rel string) string { return path.Dir(rel) }
