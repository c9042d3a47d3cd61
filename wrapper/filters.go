package wrapper

import (
	"path"
	"strings"

	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/record"
)

// insideFilters leave out of dir the directories inside it that are staged out by themselves.
func insideFilters(j *job.Job, dir string) []ferrysync.Filter {
	var f []ferrysync.Filter
	for _, inner := range j.Results() {
		if rel, ok := strings.CutPrefix(inner.Path, dir+"/"); ok {
			f = append(f, ferrysync.Filter{Pattern: escapePattern(rel) + "/*"})
		}
	}
	return f
}

// staleFilters leave the outcome files of an earlier attempt out of the metadata dir.
func staleFilters(j *job.Job) []ferrysync.Filter {
	names := record.OwnNames()
	for _, p := range []string{j.Files.Stdout, j.Files.Stderr, j.Files.ExitCode} {
		if subpath.Within(j.Dirs.Metadata, p) {
			names = append(names, strings.TrimPrefix(p, j.Dirs.Metadata+"/"))
		}
	}
	var f []ferrysync.Filter
	for _, n := range names {
		f = append(f, ferrysync.Filter{Pattern: escapePattern(n)})
	}
	return withoutAside(f, j, j.Dirs.Metadata)
}

// withoutAside adds filters to f that leave older attempts' exit codes out of dir.
func withoutAside(f []ferrysync.Filter, j *job.Job, dir string) []ferrysync.Filter {
	rel, ok := strings.CutPrefix(j.Files.ExitCode, dir+"/")
	if !ok {
		return f
	}
	return append(f, ferrysync.Filter{Pattern: escapePattern(rel+asideMark) + "*"})
}

// withoutOwn adds filters to f that leave ferry's own files out of dir: they are sent from where the module cannot write.
func withoutOwn(f []ferrysync.Filter, j *job.Job, dir string) []ferrysync.Filter {
	for _, n := range record.OwnNames() {
		f = withoutFile(f, dir, path.Join(j.Dirs.Metadata, n))
	}
	return withoutFile(f, dir, j.Files.ExitCode)
}

// withoutFile adds filters to f that leave the file with the given path out of dir. They also match a directory of that
// name, because a module may make one.
func withoutFile(f []ferrysync.Filter, dir, file string) []ferrysync.Filter {
	rel, ok := strings.CutPrefix(file, dir+"/")
	if !ok {
		return f
	}
	rel = escapePattern(rel)
	return append(f, ferrysync.Filter{Pattern: rel}, ferrysync.Filter{Pattern: rel + "/*"})
}

// withoutFiles is withoutFile of several.
func withoutFiles(f []ferrysync.Filter, dir string, files []string) []ferrysync.Filter {
	for _, file := range files {
		f = withoutFile(f, dir, file)
	}
	return f
}

// escapePattern makes a pattern that matches the name alone.
func escapePattern(name string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(name)
}
