package module

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// A Value is one value that a person gave to a parameter. Group is that of a file list in groups, "" for none.
type Value struct {
	Text, Group string

	theirs bool // the manifest's word, not a person's
}

// A Given is what was given to the parameters, by name. A name with an empty list was given nothing; its default does not apply.
type Given map[string][]Value

// Add adds NAME=VALUE or NAME@GROUP=VALUE, as on the command line. An empty value makes the parameter blank. The first value that is
// added here replaces what a file said; own keeps which names have had one. The error is no problem of the module's.
func (g Given) Add(m Manifest, own map[string]bool, text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("-p %q is not NAME=VALUE", text)
	}
	group := ""
	if m.Param(name) == nil {
		if i := strings.LastIndexByte(name, '@'); i > 0 {
			name, group = name[:i], name[i+1:]
		}
	}
	if !own[name] {
		g[name] = nil
		own[name] = true
	}
	if value == "" && group == "" {
		g[name] = slices.Clip(g[name])
		if g[name] == nil {
			g[name] = []Value{}
		}
		return nil
	}
	g[name] = append(g[name], Value{Text: value, Group: group})
	return nil
}

// AddFile adds the values of a file: JSON, YAML or a server's gp_execution_log.txt. In JSON and YAML null and "" count as not
// given, so that the default applies.
func (g Given) AddFile(name string, data []byte) error {
	if isLog(data) {
		g.addLog(data)
		return nil
	}
	all, err := parseYAML(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	params, ok := all.(mapping)
	if !ok {
		return fmt.Errorf("%s: it is no mapping of names to values", name)
	}
	for _, p := range params {
		values, err := valuesOf(p.value)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", name, p.key, err)
		}
		if len(values) > 0 {
			g[p.key] = values
		}
	}
	return nil
}

// valuesOf reads a scalar, a list, or a mapping of groups to lists. Empty texts are left out.
func valuesOf(v any) (all []Value, err error) {
	switch v := v.(type) {
	case nil:
	case string:
		if v != "" {
			all = append(all, Value{Text: v})
		}
	case []any:
		for _, x := range v {
			text, ok := x.(string)
			if !ok && x != nil {
				return nil, fmt.Errorf("a list may hold texts and numbers only")
			}
			if text != "" {
				all = append(all, Value{Text: text})
			}
		}
	case mapping:
		for _, e := range v {
			in, err := valuesOf(e.value)
			if err != nil {
				return nil, err
			}
			for _, x := range in {
				if x.Group != "" {
					return nil, fmt.Errorf("groups in groups")
				}
				all = append(all, Value{Text: x.Text, Group: e.key})
			}
		}
	}
	return all, nil
}

// logParams begins the parameters in a server's gp_execution_log.txt.
const logParams = "# Parameters:"

func isLog(data []byte) bool {
	for line := range strings.Lines(string(data)) {
		if strings.TrimSpace(line) == logParams {
			return true
		}
	}
	return false
}

// addLog reads "#    NAME = VALUE", with a file's size and URL after another "#".
func (g Given) addLog(data []byte) {
	_, text, _ := strings.Cut(decode(data), logParams)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		rest, ok := strings.CutPrefix(line, "#")
		if !ok {
			continue
		}
		name, value, ok := strings.Cut(rest, " = ")
		if !ok {
			if name, ok = strings.CutSuffix(strings.TrimRight(rest, " "), " ="); !ok {
				continue
			}
		}
		name = strings.TrimSpace(name)
		if i := strings.Index(value, "# file size"); i >= 0 {
			value = value[:i]
		}
		value = strings.Trim(value, " \t")
		if name == "" || strings.ContainsAny(name, " \t") {
			continue
		}
		if _, there := g[name]; !there {
			g[name] = []Value{}
		}
		if value != "" {
			g[name] = append(g[name], Value{Text: value})
		}
	}
}

// A setting is a parameter with its checked values: labels have become arguments, and defaults have been filled in.
type setting struct {
	param  *Param
	values []Value
	given  bool // by a person, not the manifest
}

// settle checks what was given against the manifest. Keys that begin with "job." are not parameters, and are left to resources.
func settle(m Manifest, g Given) (map[string]setting, problems) {
	var bad problems
	all := map[string]setting{}
	for i := range m.Params {
		p := &m.Params[i]
		s := setting{param: p}
		if s.values, s.given = g[p.Name]; !s.given && p.Default != "" {
			s.values = []Value{{Text: p.Default, theirs: true}}
			if p.IsFile() {
				s.values[0].Text = strings.TrimSpace(p.Default)
			}
		}
		bad = append(bad, s.choose()...)
		bad = append(bad, s.count()...)
		all[p.Name] = s
	}
	for name := range g {
		if m.Param(name) == nil && !strings.HasPrefix(name, "job.") {
			bad = append(bad, unknown(m, name))
		}
	}
	slices.Sort(bad)
	return all, bad
}

// choose replaces labels by arguments, and finds what is outside the choices or the range. The default passes whatever it is.
func (s *setting) choose() (bad problems) {
	p := s.param
	s.values = slices.Clone(s.values)
	for i, v := range s.values {
		if len(p.Choices) > 0 {
			c, ok := p.choice(v.Text)
			if ok {
				s.values[i].Text, s.values[i].theirs = c.Value, v.theirs || c.Value != v.Text
			} else if s.given && v.Text != p.Default && p.ChoiceDir == "" {
				bad = append(bad, fmt.Sprintf("%s=%s is none of %s", p.Name, v.Text, p.choiceList()))
			}
		}
		if p.HasRange && v.Text != p.Default {
			n, err := strconv.ParseFloat(strings.TrimSpace(v.Text), 64)
			switch {
			case err != nil || n != n:
				bad = append(bad, fmt.Sprintf("%s=%s is no number; it must be within %s", p.Name, v.Text, p.Range))
			case !p.Range.Holds(n):
				bad = append(bad, fmt.Sprintf("%s=%s is outside %s", p.Name, v.Text, p.Range))
			}
		}
	}
	// A choice may stand for an empty value.
	s.values = slices.DeleteFunc(s.values, func(v Value) bool { return v.Text == "" && v.Group == "" })
	return bad
}

// choice finds the choice that a text names: by its argument, else by its label.
func (p *Param) choice(text string) (Choice, bool) {
	for _, c := range p.Choices {
		if c.Value == text {
			return c, true
		}
	}
	for _, c := range p.Choices {
		if c.Label == text || c.Label == strings.TrimSpace(text) {
			return c, true
		}
	}
	return Choice{}, false
}

func (p *Param) choiceList() string {
	all := make([]string, len(p.Choices))
	for i, c := range p.Choices {
		all[i] = c.String()
	}
	return strings.Join(all, ", ")
}

// count finds what has too few or too many values, or groups.
func (s *setting) count() (bad problems) {
	p, n := s.param, len(s.values)
	groups := map[string]bool{}
	for _, v := range s.values {
		if v.Group != "" {
			groups[v.Group] = true
		}
		switch {
		case v.Group != "" && !p.List.Grouped:
			bad = append(bad, fmt.Sprintf("%s takes no groups: %s@%s", p.Name, p.Name, v.Group))
		case v.Group == "" && p.List.Grouped && s.given:
			bad = append(bad, fmt.Sprintf("%s takes groups: %s@GROUP=%s", p.Name, p.Name, v.Text))
		}
	}
	b := p.Count.Bounds
	switch {
	case n == 0 && p.Required() && len(p.Choices) == 0:
		text := p.Name + " is required"
		if len(p.Formats) > 0 {
			text += " (" + strings.Join(p.Formats, ", ") + ")"
		}
		bad = append(bad, text)
	case n > 0 && b.HasMax && float64(n) > b.Max:
		bad = append(bad, fmt.Sprintf("%s: %s, at most %g", p.Name, plural(n, "value"), b.Max))
	case n > 0 && p.Count.Given && b.HasMin && float64(n) < b.Min:
		bad = append(bad, fmt.Sprintf("%s: %s, at least %g", p.Name, plural(n, "value"), b.Min))
	}
	if k := len(groups); n > 0 && p.List.Grouped && k > 0 && !p.List.Groups.Holds(float64(k)) {
		bad = append(bad, fmt.Sprintf("%s: %s, and it takes %s", p.Name, plural(k, "group"), p.List.Groups))
	}
	return bad
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// problems are all that is wrong with what was given, each a line.
type problems []string

// err is all problems as one error, nil where there is none.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.Sort(p)
	return cause.Fail(cause.Usage, "ferry module show lists the parameters", "%s", strings.Join(slices.Compact(p), "\n"))
}

func unknown(m Manifest, name string) string {
	text := "unknown parameter " + name
	if near := nearest(m, name); near != "" {
		text += ": did you mean " + near + "?"
	}
	return text
}

// nearest is the parameter whose name is most like another, "" where none is like it.
func nearest(m Manifest, name string) string {
	best, least := "", 1+len(name)/3
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer(".", "", "_", "", "-", "", " ", "").Replace(s))
	}
	for _, p := range m.Params {
		if d := distance(plain(name), plain(p.Name)); d < least {
			best, least = p.Name, d
		}
	}
	return best
}

// distance is the least number of characters to insert, remove or replace. Names longer than 200 are like nothing.
func distance(a, b string) int {
	if len(a) > 200 || len(b) > 200 {
		return 1 << 20
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		corner := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := corner
			if a[i-1] != b[j-1] {
				cost++
			}
			corner = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
