package chaos

import (
	"path/filepath"
	"syscall"

	"github.com/genepattern/ferry/internal/testenv"
)

// inPlace starts the job where its files are: the bucket's own directory is a directory of this node. There is no remote root.
func (s *scene) inPlace(script ...string) *ferry { return s.inPlaceWith(nil, script...) }

func (s *scene) inPlaceWith(flags []string, script ...string) *ferry {
	s.t.Helper()
	s.onHost = true
	root := filepath.Join(s.s3.Dir, "root")
	s.exec(append([]string{"set -e", "cp " + root + input + "/* .", "echo done > result.txt", "echo begun"}, script...)...)
	own := []string{"--log-level", "debug", "run", "--in-place", "--image", testenv.ModuleImage(s.t), "--workdir", root + workdir, "--input", root + input,
		"--job-id", s.id, "--network", "none"}
	f := s.command(append(own, flags...)...)
	s.begin(f)
	return f
}

func inPlaceRows() []row {
	const group = "In place: nothing is copied"
	return []row{
		{group: group, name: "ferry is told to stop (SIGTERM) while the module runs", code: 75, cause: "interrupted", quick: true, run: func(s *scene) {
			f := s.inPlace("sleep 300 & wait")
			f.until("begun")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		{group: group, name: "the module is killed (SIGKILL)", code: 137, run: func(s *scene) {
			s.check(s.inPlace("kill -9 $$"))
		}},
		{group: group, name: "the module is killed for memory", code: 137, cause: "oom", run: func(s *scene) {
			s.check(s.inPlaceWith([]string{"--memory", "16m"}, "x=a; while :; do x=$x$x; done"))
		}},
		{group: group, name: "the walltime is over", code: 142, cause: "walltime", run: func(s *scene) {
			s.check(s.inPlaceWith([]string{"--walltime", "2"}, "sleep 300 & wait"))
		}},
	}
}
