package chaos

import (
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// podman has the scene's job run by a Podman of its own, by a ferry on the host. It gives the job's flags.
func (s *scene) podman(flags ...string) []string {
	s.t.Helper()
	s.onHost = true
	s.host = testenv.Podman(s.t).Host // Docker's command speaks to it, too
	s.env = append(s.env, "CONTAINER_HOST="+s.host)
	return append([]string{"--engine", "podman", "--image", "ferry-test/module:bash"}, flags...)
}

// checkPodman is check, and that it was Podman.
func (s *scene) checkPodman(f *ferry) {
	s.t.Helper()
	if rec := s.check(f); rec.Engine.Name != "podman" {
		s.bad("the record names the engine %q", rec.Engine.Name)
	}
}

func podmanRows() []row {
	const group = "Podman: the module is in a container of Podman's"
	begun := "cp " + input + "/* .; echo done > result.txt; echo begun"
	return []row{
		{group: group, name: "nothing fails", root: true, run: func(s *scene) {
			s.checkPodman(s.start(s.podman()...))
		}},
		{group: group, name: "ferry is told to stop (SIGTERM) while the module runs", code: 75, cause: "interrupted", root: true, run: func(s *scene) {
			s.exec(begun, "sleep 300 & wait")
			f := s.start(s.podman()...)
			f.until("begun")
			f.signal(syscall.SIGTERM)
			s.checkPodman(f)
		}},
		{group: group, name: "ferry is killed (SIGKILL) while the module runs", code: 137, quick: true, root: true, run: func(s *scene) {
			s.exec(begun, "trap '' TERM; sleep 300 & sleep 300")
			f := s.start(s.podman()...)
			f.until("begun")
			f.signal(syscall.SIGKILL)
			if f.end() != -1 { // a signal ended it
				s.bad("ferry was not killed")
			}
			if text, ok := s.stored(meta + "/exit_code.txt"); ok {
				s.bad("an exit code is in the store: %q", text)
			}
			if containers, _ := s.left(); len(containers) != 1 {
				s.bad("the killed ferry's module: %v", containers)
			}
			s.exec("sleep 1") // the next attempt sweeps
			if code := s.start("--engine", "podman", "--image", "ferry-test/module:bash", "--attempt", "2").end(); code != 0 {
				s.bad("the next ferry ended with %d", code)
			}
			for late := time.Now().Add(rowLimit); time.Now().Before(late); time.Sleep(100 * time.Millisecond) {
				if containers, _ := s.left(); len(containers) == 0 {
					break // the next ferry waits for no sweeping that is under way
				}
			}
			s.checkLeft()
			s.got.code, s.got.engine, s.got.disk, s.got.store = s.row.code, "the module's container, until the next ferry", "the attempt's files, until the next ferry", "what was there"
		}},
		{group: group, name: "the module is killed (SIGKILL)", code: 137, root: true, run: func(s *scene) {
			s.exec(begun, "kill -9 $$")
			s.checkPodman(s.start(s.podman()...))
		}},
		{group: group, name: "the module is killed for memory", code: 137, cause: "oom", root: true, run: func(s *scene) {
			s.exec(begun, "x=a; while :; do x=$x$x; done")
			s.checkPodman(s.start(s.podman("--memory", "16m")...))
		}},
		{group: group, name: "the walltime is over", code: 142, cause: "walltime", root: true, run: func(s *scene) {
			s.exec(begun, "sleep 300 & wait")
			s.checkPodman(s.start(s.podman("--walltime", "2")...))
		}},
		{group: group, name: "there is no such image", code: 71, cause: "image", root: true, run: func(s *scene) {
			s.expect()
			s.check(s.start(s.podman("--image", strings.TrimPrefix(s.s3.Endpoint, "http://")+"/none/such:1")...))
		}},
		{group: group, name: "Podman does not listen", code: 69, cause: "engine", run: func(s *scene) {
			s.expect()
			s.onHost = true
			s.env = append(s.env, "CONTAINER_HOST=unix:///none/such.sock")
			s.check(s.start("--engine", "podman", "--image", "ferry-test/module:bash"))
		}},
	}
}
