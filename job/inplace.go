package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/genepattern/ferry/internal/subpath"
)

// checkInPlace refuses what has no meaning for directories that are on the node already. It is asked before fill.
func (j *Job) checkInPlace() error {
	for _, no := range []struct {
		given bool
		what  string
	}{
		{j.Remote != "", "--remote: a job in place has no store"},
		{j.Container.Placement == PlaceCopy, "--stage copy: directories in place are mounted"},
		{j.Freeze.Name != "" || j.Freeze.Frozen != FrozenNever, "--freeze, --frozen: a job in place freezes nothing; `ferry commit` freezes a container"},
		{j.Files.SyncScript != "", "--sync-script: a job in place fetches nothing"},
	} {
		if no.given {
			return errors.New(no.what + " (--in-place)")
		}
	}
	for _, in := range slices.Concat(j.Dirs.Inputs, j.Dirs.Libraries) {
		if in.URL != "" {
			return fmt.Errorf("%s=%s: a job in place fetches nothing; give a path of this node (--in-place)", in.Path, in.URL)
		}
	}
	for _, m := range j.Dirs.Mounts {
		if m.Host == "" {
			return fmt.Errorf("--mount %s: give the directory of this node, as HOSTDIR:DIR (--in-place)", m.Path)
		}
	}
	for _, f := range []struct{ flag, path string }{{"stdout-file", j.Files.Stdout}, {"stderr-file", j.Files.Stderr}, {"exit-code-file", j.Files.ExitCode}} {
		if strings.HasPrefix(f.path, "/") && !slices.ContainsFunc([]string{j.Dirs.Work, j.Dirs.Metadata}, func(d string) bool {
			return d != "" && subpath.Within(d, f.path)
		}) {
			return fmt.Errorf("--%s %s lies in neither the working nor the metadata dir (--in-place)", f.flag, f.path)
		}
	}
	return nil
}

// OwnDirs are the directories in which the module writes its results, the working dir first.
func (j *Job) OwnDirs() []string {
	all := []string{j.Dirs.Work, j.Dirs.Metadata}
	for _, d := range j.Dirs.Outputs {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}
