package wrapper_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// What says what the job is comes from who submitted it, and is not replaced by what the module leaves in its place.
func TestControlFilesStay(t *testing.T) {
	for name, c := range map[string]struct {
		file string // in the store
		lay  string // what the module does with it, in the working dir
		more []string
	}{
		"exec.sh":            {"jobs/1/.gp_metadata/exec.sh", "echo evil > .gp_metadata/exec.sh", nil},
		"sync script":        {"jobs/1/.gp_metadata/get.sh", "echo evil > .gp_metadata/get.sh", []string{"sync-script", "get.sh"}},
		"new description":    {"jobs/1/.gp_metadata/job.json", "echo evil > .gp_metadata/job.json", nil},
		"directory":          {"jobs/1/.gp_metadata/job.json/x", "mkdir .gp_metadata/job.json; echo evil > .gp_metadata/job.json/x", nil},
		"link":               {"jobs/1/.gp_metadata/exec.sh", "echo evil > .gp_metadata/e; cd .gp_metadata; ln -sf e exec.sh", nil},
		"script of the work": {"jobs/1/do [1]*.sh", "echo evil > '/jobs/1/do [1]*.sh'", []string{"exec", "/jobs/1/do [1]*.sh", "input", "/jobs/1"}},
		"copied":             {"jobs/1/.gp_metadata/exec.sh", "echo evil > .gp_metadata/exec.sh", []string{"stage", "copy"}},
		"as an output":       {"lib/run.sh", "echo evil > /lib/run.sh", []string{"module-dir", "/lib", "output", "/lib", "exec", "/lib/run.sh"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			script := c.lay + "\necho done > /jobs/1/result.txt\nexit 7\n"
			s.put("lib/tool", "tool\n")
			for _, f := range []string{"jobs/1/.gp_metadata/exec.sh", "jobs/1/do [1]*.sh", "lib/run.sh"} {
				s.put(f, script)
			}
			s.put("jobs/1/.gp_metadata/get.sh", "")
			before, _ := os.ReadFile(filepath.Join(s.store, c.file))
			s.ended(s.run(s.job(testenv.ModuleImage(t), c.more...)), 7, cause.None)
			if got := s.get(c.file); got != string(before) || strings.Contains(got, "evil\n") {
				t.Errorf("the store's %s is %q", c.file, got)
			}
			if s.get("jobs/1/result.txt") != "done\n" {
				t.Error("the result is missing")
			}
		})
	}
}
