package chaos

import (
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// stopperRows are about who stops a job: each gives it another deadline.
func stopperRows() []row {
	const group = "Whoever stops ferry, and whoever reads it"
	waits := func(s *scene, flags ...string) *ferry {
		s.exec("set -e", "cp /in/* .", "echo done > result.txt", "echo 'module begun'", "sleep 300 & wait")
		f := s.start(flags...)
		f.until("module begun")
		return f
	}
	// slow makes each PUT of a result take longer than the grace time.
	slow := func(s *scene, d time.Duration) {
		s.proxy.Add(testenv.Rule{Kind: "PutObject", Fault: testenv.Fault{Delay: d},
			Match: func(r testenv.Request) bool { return strings.HasPrefix(r.Key, "root"+workdir+"/f") }})
	}
	return []row{
		{group: group, name: "nobody reads its stdout and stderr", quick: true, run: func(s *scene) {
			s.onHost, s.unread = true, true
			s.exec("set -e", "cp /in/* .", "for i in 1 2 3; do echo talk; echo talk >&2; sleep 1; done", "echo done > result.txt")
			s.runJob()
		}},
		{group: group, name: "a closed terminal (SIGHUP)", code: 75, cause: "interrupted", run: func(s *scene) {
			f := waits(s)
			f.signal(syscall.SIGHUP)
			s.check(f)
		}},
		{group: group, name: "a spot notice, then SIGTERM, with results that take 3 s", code: 75, cause: "interrupted", quick: true, run: func(s *scene) {
			notice := s.fakeIMDS()
			slow(s, 3*time.Second)
			f := waits(s, "--watch-spot")
			notice()
			f.until("the spot instance is reclaimed")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		{group: group, name: "its own run limit, with results that take four times the grace time", code: 142, cause: "walltime", run: func(s *scene) {
			slow(s, 8*time.Second)
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "sleep 300 & wait")
			s.runJob("--walltime", "3", "--grace", "2")
		}},
		{group: group, name: "SIGTERM soon after a stage-in that took longer than the run limit", code: 75, cause: "interrupted", run: func(s *scene) {
			s.proxy.Add(testenv.Rule{Kind: "GetObject", Times: 1, Fault: testenv.Fault{Delay: 22 * time.Second},
				Match: func(r testenv.Request) bool { return r.Key == "root"+input+"/f003.txt" }})
			f := waits(s, "--walltime", "20")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
	}
}
