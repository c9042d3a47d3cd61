package module

import (
	"fmt"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// A Manifest is what a module says of itself.
type Manifest struct {
	Name        string
	LSID        LSID // "" where there is none, or none that is valid
	Description string
	CommandLine string
	TaskType    string
	OS          string
	Language    string
	Params      []Param
	Job         map[string]string // keys that begin with "job.", with that, as written
	Notes       []string          // what its reader should know and what stops nothing
}

// maxParams is more than any module has. A manifest of a megabyte could otherwise name a hundred thousand.
const maxParams = 2000

// Parse reads a manifest. Its errors have the cause cause.Usage.
func Parse(data []byte) (Manifest, error) {
	keys, err := properties(data)
	if err != nil {
		return Manifest{}, &cause.Error{Cause: cause.Usage, Err: err}
	}
	m := Manifest{Name: strings.TrimSpace(keys["name"]), LSID: LSID(strings.TrimSpace(keys["LSID"])), Description: strings.TrimSpace(keys["description"]),
		CommandLine: keys["commandLine"], TaskType: strings.TrimSpace(keys["taskType"]), OS: strings.TrimSpace(keys["os"]),
		Language: strings.TrimSpace(keys["language"]), Job: map[string]string{}}
	if m.Name == "" {
		return m, cause.Fail(cause.Usage, "", "manifest: it has no name")
	}
	if m.LSID != "" && !m.LSID.IsValid() {
		m.Notes = append(m.Notes, fmt.Sprintf("LSID %q is none (urn:lsid:authority:namespace:id:version); it is left out", m.LSID))
		m.LSID = ""
	}
	for key, value := range keys {
		if strings.HasPrefix(key, "job.") {
			m.Job[key] = value
		}
	}
	seen := map[string]bool{}
	for n := 1; ; n++ {
		prefix := fmt.Sprintf("p%d_", n)
		name := strings.TrimSpace(keys[prefix+"name"])
		if name == "" {
			break
		}
		if n > maxParams {
			return m, cause.Fail(cause.Usage, "", "manifest: more than %d parameters", maxParams)
		}
		if seen[name] {
			return m, cause.Fail(cause.Usage, "", "manifest: two parameters are called %s", name)
		}
		seen[name] = true
		p, err := parseParam(name, func(attr string) string { return keys[prefix+attr] })
		if err != nil {
			return m, cause.Fail(cause.Usage, "", "manifest: parameter %s: %w", name, err)
		}
		m.Params = append(m.Params, p)
	}
	return m, nil
}

// Version is the LSID's, "" where there is none.
func (m Manifest) Version() string { return m.LSID.Version() }

// Param is the parameter of a name, nil where there is none.
func (m Manifest) Param(name string) *Param {
	for i := range m.Params {
		if m.Params[i].Name == name {
			return &m.Params[i]
		}
	}
	return nil
}

// Refuse is an error where the module cannot run without a server. It says which kind of module it is.
func (m Manifest) Refuse() error {
	kind := strings.ToLower(m.TaskType)
	refuse := func(format string, args ...any) error {
		return cause.Fail(cause.Refused, "", m.Name+" "+format, args...)
	}
	switch {
	case strings.HasSuffix(kind, "pipeline"):
		return refuse("is a pipeline (taskType %q): run its modules one by one", m.TaskType)
	case strings.HasSuffix(kind, "visualizer"):
		return refuse("is a visualizer (taskType %q): it needs a screen", m.TaskType)
	case kind == "javascript":
		return refuse("is a JavaScript module (taskType %q): it needs a browser", m.TaskType)
	case kind == "patch":
		return refuse("is a patch (taskType %q): it changes a server", m.TaskType)
	case strings.TrimSpace(m.CommandLine) == "":
		return refuse("has no commandLine: there is nothing to run")
	case onlyElsewhere(m.OS):
		return refuse("runs on %s only: ferry's containers are Linux", m.OS)
	}
	return nil
}

// onlyElsewhere reports whether a list of operating systems has Windows and macOS only.
func onlyElsewhere(list string) bool {
	some := false
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ';' || r == '|' }) {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case name == "":
		case strings.HasPrefix(name, "win"), strings.HasPrefix(name, "mac"), strings.HasPrefix(name, "os x"), strings.HasPrefix(name, "darwin"):
			some = true
		default:
			return false
		}
	}
	return some
}
