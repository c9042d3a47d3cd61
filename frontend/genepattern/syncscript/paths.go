package syncscript

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
)

// maxPath is the kernel's PATH_MAX, in bytes.
const maxPath = 4096

// ownRoot is a folder of the attempt's root that has ferry's own files.
const ownRoot = "/.ferry"

// paths says where in the attempt's root a path of the script lies.
type paths struct {
	prefix string   // GP_LOCAL_PREFIX
	known  []string // the job's directories
}

func newPaths(j job.Job) paths {
	p := paths{prefix: j.LocalPrefix, known: []string{j.Dirs.Work, j.Dirs.Metadata}}
	for _, d := range slices.Concat(j.Dirs.Inputs, j.Dirs.Libraries) {
		p.known = append(p.known, d.Path)
	}
	for _, m := range j.Dirs.Mounts {
		if m.Host == "" {
			p.known = append(p.known, m.Path)
		}
	}
	if j.Dirs.Tasklib != "" {
		p.known = append(p.known, j.Dirs.Tasklib)
	}
	return p
}

// A pathError is a path that policy refuses.
type pathError struct{ path, why string }

func (e *pathError) Error() string {
	p := e.path
	if strings.Contains(p, "://") {
		p = egress.Shown(p)
	}
	return fmt.Sprintf("path %q %s", p, e.why)
}

// rel is v as a path relative to the attempt's root. The server writes paths with the local prefix, or, where it has
// none, the job's own; a job's directory that happens to begin with the prefix keeps it.
func (p paths) rel(v string) (string, error) {
	switch {
	case !strings.HasPrefix(v, "/"):
		return "", &pathError{v, "is not absolute"}
	case len(v) > maxPath:
		return "", &pathError{v[:100] + "…", fmt.Sprintf("is longer than %d bytes", maxPath)}
	case strings.ContainsAny(v, "\x00\n"):
		return "", &pathError{v, "holds a control character"}
	case slices.Contains(strings.Split(v, "/"), ".."):
		return "", &pathError{v, `holds ".."`}
	}
	clean := path.Clean(v)
	if subpath.Within(p.prefix, clean) {
		under := "/" + strings.TrimPrefix(strings.TrimPrefix(clean, path.Clean(p.prefix)), "/")
		if p.ours(under) || !p.ours(clean) {
			clean = under
		}
	}
	switch {
	case clean == "/":
		return "", &pathError{v, "is the whole local directory"}
	case subpath.Within(ownRoot, clean):
		return "", &pathError{v, "is ferry's own"}
	}
	return clean[1:], nil
}

// ours says that p lies in a directory of the job.
func (p paths) ours(v string) bool {
	return slices.ContainsFunc(p.known, func(dir string) bool { return subpath.Within(dir, v) })
}
