package module

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A Case is one GpUnit test case of a module.
type Case struct {
	File       string
	Name       string
	Module     string // a name, an LSID, or a path
	Given      Given
	Assertions Assertions
	Notes      []string
}

// Assertions are what must hold of a case's job.
type Assertions struct {
	Failure   bool // the job fails, or is refused
	NumFiles  int  // results; -1 for any number
	Files     []FileAssertion
	DiffCmd   []string // of all files that name none
	OutputDir string   // a directory whose files the results must equal; "" for none
}

// A FileAssertion is what must hold of one result. Without any it must be there.
type FileAssertion struct {
	Name    string
	Diff    string // a file that it must equal; "" for none
	DiffCmd []string
	Rows    int // -1 for any number
	Cols    int
}

// standardDiff compares two files where a case names no command.
var standardDiff = []string{"diff", "-q"}

var propPattern = regexp.MustCompile(`<%([^%>]*)%>`)

// ParseCase reads a test case. props are what <%name%> stands for. Relative paths are relative to the case's file. The parameters are
// those of m, which may be nil where the module is not known yet: then nothing is known to be a file.
func ParseCase(file string, data []byte, props map[string]string, m *Manifest) (Case, error) {
	c := Case{File: file, Given: Given{}}
	missing := ""
	text := propPattern.ReplaceAllStringFunc(string(data), func(s string) string {
		name := strings.TrimSpace(s[2 : len(s)-2])
		value, ok := props[name]
		if !ok {
			missing = name
		}
		return value
	})
	if missing != "" {
		return c, fmt.Errorf("%s: <%%%s%%> has no value: give -D %s=VALUE", file, missing, missing)
	}
	doc, err := parseYAML([]byte(text))
	if err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	top, ok := doc.(mapping)
	if !ok {
		return c, fmt.Errorf("%s: it is no mapping", file)
	}
	for _, e := range top {
		switch e.key {
		case "name":
			c.Name, _ = e.value.(string)
		case "module":
			c.Module, _ = e.value.(string)
		case "params":
			err = c.params(e.value, m)
		case "assertions":
			err = c.assertions(e.value)
		case "description", "job":
		default:
			c.Notes = append(c.Notes, "unknown key "+e.key)
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", file, err)
		}
	}
	if !top.has("assertions") {
		c.Assertions.NumFiles = -1
	}
	if c.Name == "" {
		c.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	return c, nil
}

// params reads the parameters. An unknown one is a note.
func (c *Case) params(v any, m *Manifest) error {
	if v == nil {
		return nil
	}
	all, ok := v.(mapping)
	if !ok {
		return fmt.Errorf("params: it is no mapping")
	}
	for _, e := range all {
		values, err := valuesOf(e.value)
		if err != nil {
			return fmt.Errorf("params: %s: %w", e.key, err)
		}
		if len(values) == 0 {
			continue
		}
		if m != nil && !strings.HasPrefix(e.key, "job.") {
			p := m.Param(e.key)
			if p == nil {
				c.Notes = append(c.Notes, unknown(*m, e.key)+" (left out)")
				continue
			}
			for i := range values {
				if p.IsFile() {
					values[i].Text = c.path(values[i].Text)
				}
			}
		}
		c.Given[e.key] = values
	}
	return nil
}

// path is a path as the case means it.
func (c *Case) path(p string) string {
	if IsURL(p) || filepath.IsAbs(p) || p == "" || strings.HasPrefix(p, "<") {
		return p
	}
	return filepath.Join(filepath.Dir(c.File), p)
}

func (c *Case) assertions(v any) error {
	a := &c.Assertions
	a.NumFiles = -1
	if v == nil {
		return nil
	}
	all, ok := v.(mapping)
	if !ok {
		return fmt.Errorf("assertions: it is no mapping")
	}
	for _, e := range all {
		text, _ := e.value.(string)
		var err error
		switch e.key {
		case "jobStatus":
			a.Failure = !strings.EqualFold(text, "success") && e.value != nil
		case "numFiles", "numFilesIs":
			a.NumFiles, err = number(e)
		case "diffCmd":
			a.DiffCmd, err = c.command(e.value)
		case "outputDir":
			a.OutputDir = c.path(text)
		case "files":
			err = c.files(e.value)
		default:
			c.Notes = append(c.Notes, "assertions: unknown key "+e.key)
		}
		if err != nil {
			return fmt.Errorf("assertions: %w", err)
		}
	}
	return nil
}

func (c *Case) files(v any) error {
	all, ok := v.(mapping)
	if !ok && v != nil {
		return fmt.Errorf("files: it is no mapping")
	}
	for _, e := range all {
		f := FileAssertion{Name: path.Clean(e.key), Rows: -1, Cols: -1}
		what, ok := e.value.(mapping)
		if text, is := e.value.(string); is { // the short form: the expected file
			what, ok = mapping{{"diff", text}}, true
		}
		if !ok && e.value != nil {
			return fmt.Errorf("files: %s: it is no mapping", e.key)
		}
		for _, w := range what {
			var err error
			switch w.key {
			case "diff":
				text, is := w.value.(string)
				if !is {
					return fmt.Errorf("files: %s: diff names no file", e.key)
				}
				f.Diff = c.path(text)
			case "diffCmd":
				f.DiffCmd, err = c.command(w.value)
			case "numRows":
				f.Rows, err = number(w)
			case "numCols":
				f.Cols, err = number(w)
			default:
				c.Notes = append(c.Notes, fmt.Sprintf("files: %s: unknown key %s", e.key, w.key))
			}
			if err != nil {
				return fmt.Errorf("files: %s: %w", e.key, err)
			}
		}
		c.Assertions.Files = append(c.Assertions.Files, f)
	}
	return nil
}

func number(e entry) (int, error) {
	text, _ := e.value.(string)
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: %q is no number", e.key, text)
	}
	return n, nil
}

// command reads a diffCmd: words, or a list of them. A class of Java cannot run here.
func (c *Case) command(v any) ([]string, error) {
	var words []string
	switch v := v.(type) {
	case string:
		split, err := splitTemplate(v)
		if err != nil {
			return nil, fmt.Errorf("diffCmd: %w", err)
		}
		for _, w := range split {
			words = append(words, w.text)
		}
	case []any:
		for _, x := range v {
			text, ok := x.(string)
			if !ok {
				return nil, fmt.Errorf("diffCmd: a word is no text")
			}
			words = append(words, text)
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("diffCmd: it is no command")
	}
	if javaClass.MatchString(words[0]) {
		return nil, fmt.Errorf("diffCmd: %s is a class of Java, which ferry does not run", words[0])
	}
	if strings.Contains(words[0], "/") {
		words[0] = c.path(words[0])
	}
	return words, nil
}

// javaClass is a name with dots and a last part in capitals, such as org.genepattern.gpunit.diff.NumRows.
var javaClass = regexp.MustCompile(`^([a-z][a-z0-9_]*\.)+[A-Z][A-Za-z0-9_]*$`)

// DiffOf is the command that compares one file of a case, without its arguments.
func (a Assertions) DiffOf(f FileAssertion) []string {
	switch {
	case f.DiffCmd != nil:
		return f.DiffCmd
	case a.DiffCmd != nil:
		return a.DiffCmd
	}
	return standardDiff
}

// Scripts are the commands of the case that are neither diff nor cmp: programs that come with it.
func (c Case) Scripts() []string {
	var all []string
	add := func(cmd []string) {
		if len(cmd) > 0 && cmd[0] != "diff" && cmd[0] != "cmp" {
			all = append(all, cmd[0])
		}
	}
	add(c.Assertions.DiffCmd)
	for _, f := range c.Assertions.Files {
		add(f.DiffCmd)
	}
	return all
}
