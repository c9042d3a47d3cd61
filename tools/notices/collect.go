package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A text is one that must go with ferry, and the modules that want it to.
type text struct {
	kind    string // of licence, or "notice"
	body    string
	modules []string // sorted
}

// licences and notes are names of files, without ending and in lower case. A note adds to a licence.
var (
	licences = []string{"license", "licence", "copying", "unlicense"}
	notes    = []string{"notice", "patents"}
	endings  = []string{"", ".txt", ".md"}
)

// collect reads the texts of modules. The same text of several modules is one. Each module must have a licence, and each
// licence be of a kind that is known.
func collect(modules []module) ([]*text, error) {
	byBody := map[string]*text{}
	var all []*text
	for _, m := range modules {
		licensed := false
		for _, dir := range m.folders {
			entries, err := os.ReadDir(dir)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				is := role(e.Name())
				if is == "" || e.IsDir() {
					continue
				}
				content, err := os.ReadFile(filepath.Join(dir, e.Name()))
				if err != nil {
					return nil, err
				}
				t := &text{kind: is, body: tidy(string(content))}
				if is == "licence" {
					licensed = true
					if t.kind = kindOf(t.body); t.kind == "" {
						return nil, fmt.Errorf("%s: %q is no licence that ferry knows it may be given away with", m.name, e.Name())
					}
				}
				if known := byBody[t.body]; known != nil {
					t = known
				} else {
					byBody[t.body] = t
					all = append(all, t)
				}
				if !slices.Contains(t.modules, m.name) {
					t.modules = append(t.modules, m.name)
				}
			}
		}
		if !licensed {
			return nil, fmt.Errorf("%s has no licence", m.name)
		}
	}
	return all, nil
}

// role is "licence", "notice", or "" for a file that is neither. LICENSE.docs, for instance, is about what is not linked.
func role(file string) string {
	file = strings.ToLower(file)
	ending := filepath.Ext(file)
	switch base := strings.TrimSuffix(file, ending); {
	case !slices.Contains(endings, ending):
		return ""
	case slices.Contains(licences, base):
		return "licence"
	case slices.Contains(notes, base):
		return "notice"
	}
	return ""
}

// tidy is a text without what makes two of the same differ: ends of lines, and white space at them.
func tidy(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(line, " \t\r\n\f") + "\n")
	}
	return strings.Trim(b.String(), "\n") + "\n"
}
