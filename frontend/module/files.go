package module

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// A stager decides where the module sees the files of its parameters.
type stager struct {
	layout Layout
	taken  map[string]bool // names in InputDir
	inputs []Input
	lists  []ListFile
	bad    problems
}

// stage decides where the module sees each file, and which list files there are.
func (c *compiler) stage() {
	st := &stager{layout: c.layout, taken: map[string]bool{}}
	for i := range c.manifest.Params {
		p := &c.manifest.Params[i]
		s := c.settings[p.Name]
		if p.Kind == Password {
			for _, v := range s.values {
				c.plan.Secrets = append(c.plan.Secrets, v.Text)
			}
		}
		if !p.IsFile() {
			continue
		}
		if !s.given && len(s.values) == 1 && c.mentions(s.values[0].Text) {
			c.passed[p.Name] = passed{plain: true} // such as <libdir>genes.txt
			continue
		}
		c.passed[p.Name] = passed{args: st.param(p, s)}
	}
	c.plan.Inputs, c.plan.Lists, c.bad = st.inputs, st.lists, append(c.bad, st.bad...)
}

// mentions reports whether a text has a placeholder that is known.
func (c *compiler) mentions(text string) bool {
	for _, name := range placeholder.FindAllString(text, -1) {
		if c.known(name[1 : len(name)-1]) {
			return true
		}
	}
	return false
}

// param stages the values of one parameter and gives what is passed.
func (st *stager) param(p *Param, s setting) []string {
	var seen, sources []string
	for _, v := range s.values {
		var at string
		err := allowed(v)
		if err == nil {
			at, err = st.file(p, v.Text)
		}
		if err != nil {
			st.bad = append(st.bad, errFile(p, err))
			continue
		}
		seen, sources = append(seen, at), append(sources, v.Text)
	}
	list := false
	switch mode := p.List.Mode; {
	case p.List.Grouped:
		return st.groupFile(p, s, seen, sources)
	case mode == ModeCmd, mode == ModeCmdOpt, !p.Many():
	case mode == ModeListEmpty:
		list = true
	case mode == ModeLegacy:
		list = len(seen) > 1
	default:
		list = len(seen) > 0
	}
	if !list {
		return seen
	}
	var text bytes.Buffer
	for _, at := range seen {
		fmt.Fprintln(&text, at)
	}
	return []string{st.write(p.Name+".list.txt", text.Bytes())}
}

// groupFile writes the files and their groups as a table.
func (st *stager) groupFile(p *Param, s setting, seen, sources []string) []string {
	if len(seen) == 0 && p.List.Mode != ModeListEmpty || len(seen) != len(s.values) {
		return nil
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\t%s\tURL\n", p.List.FileColumn, p.List.GroupColumn)
	for i, at := range seen {
		fmt.Fprintf(&text, "%s\t%s\t%s\n", at, s.values[i].Group, sources[i])
	}
	return []string{st.write(p.Name+".group.tsv", text.Bytes())}
}

// write plans a file of ferry's own beside the inputs, and gives its path.
func (st *stager) write(name string, data []byte) string {
	at := st.place(strings.ReplaceAll(name, "/", "_"))
	st.lists = append(st.lists, ListFile{Path: at, Data: data})
	return at
}

// place finds a path of a name in InputDir. A name that is taken gets another directory.
func (st *stager) place(name string) string {
	dir := st.layout.InputDir
	if name == ".fetched" || strings.Trim(name, "0123456789") == "" { // what ferry itself calls directories there
		dir = path.Join(dir, "1")
	}
	for n := 2; st.taken[path.Join(dir, name)]; n++ {
		dir = path.Join(st.layout.InputDir, strconv.Itoa(n))
	}
	at := path.Join(dir, name)
	st.taken[at] = true
	return at
}

var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)

// allowed refuses a file that the manifest names, and no person: a module could ask for any file of whoever runs it, by a path or by a URL
// that their credentials open. A file of the web is anybody's.
func allowed(v Value) error {
	if m := scheme.FindStringSubmatch(v.Text); !v.theirs || m != nil && IsPublic(m[1]) {
		return nil
	}
	return fmt.Errorf("the module itself names %s, which may be private: give it with -p if the module may have it", v.Text)
}

// IsPublic reports whether what is at URLs of a scheme is fetched without credentials of this user's.
func IsPublic(scheme string) bool {
	s := strings.ToLower(scheme)
	return s == "http" || s == "https" || s == "ftp"
}

// IsURL reports whether a value is a URL rather than a path.
func IsURL(s string) bool { return scheme.MatchString(s) }

// fetched are the schemes of URLs that ferry fetches.
var fetched = []string{"http", "https", "ftp", "s3", "gs", "az"}

// file says where the module sees one value of a file parameter.
func (st *stager) file(p *Param, value string) (string, error) {
	if m := scheme.FindStringSubmatch(value); m != nil && !strings.EqualFold(m[1], "file") {
		return st.url(p, value, strings.ToLower(m[1]))
	}
	file, err := localPath(value)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(file, "\n\r\x00") {
		return "", fmt.Errorf("%q: a file's name with a line's end cannot be staged", file)
	}
	if st.layout.Check != nil {
		if err := st.layout.Check(file, p.Kind); err != nil {
			return "", err
		}
	}
	if st.layout.Local != nil {
		at, err := st.layout.Local(file)
		if err != nil {
			return "", err
		}
		st.input(Input{Param: p.Name, Source: file, Path: at})
		return at, nil
	}
	at := st.place(path.Base(file))
	st.input(Input{Param: p.Name, Source: file, Path: at})
	return at, nil
}

// input adds an input. One that several parameters name is there once for each.
func (st *stager) input(in Input) { st.inputs = append(st.inputs, in) }

func (st *stager) url(p *Param, value, scheme string) (string, error) {
	switch {
	case p.PassURL:
		return value, nil
	case p.Kind == Directory:
		return "", fmt.Errorf("%s: a directory must be one of this machine", value)
	}
	ok := false
	for _, s := range fetched {
		ok = ok || s == scheme
	}
	if !ok {
		return "", fmt.Errorf("%s: %s:// is none of %s", value, scheme, strings.Join(fetched, ", "))
	}
	name, known := "", false
	if st.layout.Name != nil {
		name, known = st.layout.Name(value)
	}
	if !known {
		name = URLName(value)
	}
	if name = SafeName(name); name == "" {
		return "", fmt.Errorf("%s: it names no file", value)
	}
	at := st.place(name)
	st.input(Input{Param: p.Name, Source: value, Path: at})
	return at, nil
}

// URLName is the file name that a URL ends in, decoded where it is a URL of the web; "" where it ends in none.
func URLName(text string) string {
	if m := scheme.FindStringSubmatch(text); m != nil && !strings.HasPrefix(strings.ToLower(m[1]), "http") && !strings.EqualFold(m[1], "ftp") {
		return path.Base(strings.TrimSuffix(strings.TrimPrefix(text, m[0]), "/")) // a key is literal
	}
	u, err := url.Parse(text)
	if err != nil || strings.Trim(u.EscapedPath(), "/") == "" {
		return ""
	}
	name := path.Base(strings.TrimRight(u.EscapedPath(), "/"))
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return name
}

// SafeName is the last part of a name that may come from a server, without what could lead out of its directory; "" for none.
func SafeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 32 || r == 127 {
			return '_'
		}
		return r
	}, strings.ReplaceAll(name, `\`, "/"))
	name = path.Base(name)
	if name == "." || name == ".." || name == "/" {
		return ""
	}
	return name
}

// localPath is the path of a value, which may be a file:// URL.
func localPath(value string) (string, error) {
	if !strings.HasPrefix(strings.ToLower(value), "file://") {
		return value, nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host != "" && u.Host != "localhost" || !path.IsAbs(u.Path) {
		return "", fmt.Errorf("%s is no file:// URL of this machine", value)
	}
	return u.Path, nil
}
