package chaos

import (
	"strings"
	"syscall"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

func keptRows() []row {
	const group = "Results that the store did not take"
	return []row{
		{group: group, name: "sent by ferry resume, once the store takes them", code: 73, cause: "stage-out", quick: true, run: func(s *scene) {
			s.notTaken()
			s.runJob()
			if code := s.resume(); code != 73 {
				s.bad("ferry resume ended with %d while the store takes nothing", code)
			}
			s.proxy.Clear()
			if code := s.resume(); code != 0 {
				s.bad("ferry resume ended with %d", code)
			}
			s.asASuccess()
		}},
		{group: group, name: "sent by the next ferry on the node", code: 73, cause: "stage-out", run: func(s *scene) {
			s.notTaken()
			s.runJob()
			s.proxy.Clear()
			// A job of the same store, which needs the same address and keys.
			s.put("/jobs/2/.gp_metadata/exec.sh", "true\n")
			next := &scene{t: s.t, row: row{}, got: &seen{}, s3: s.s3, proxy: s.proxy, env: s.env, host: s.host, prefix: s.prefix, id: s.id + "next"}
			if code := next.start("--workdir", "/jobs/2").end(); code != 0 {
				s.bad("the next ferry ended with %d", code)
			}
			s.asASuccess()
		}},
		{group: group, name: "the server goes away in the middle of stage-out, and comes back after the job's end", code: 73, cause: "stage-out", slow: true, run: func(s *scene) {
			s.inputs(storeFilesLow)
			gone := s.onRequest("PutObject", 20, s.proxy.Away)
			s.runJob("--store-wait", "15s")
			if !gone.Load() {
				s.bad("the server never went away")
			}
			s.proxy.Back(s.t)
			if code := s.resume(); code != 0 {
				s.bad("ferry resume ended with %d", code)
			}
			s.asASuccess()
		}},
		{group: group, name: "ferry resume is killed (SIGKILL), then another sends them", code: 73, cause: "stage-out", run: func(s *scene) {
			s.notTaken()
			s.runJob()
			s.proxy.Clear()
			release := s.stallOn("PUT", workdir+"/f003.txt")
			f := s.command("resume")
			s.begin(f)
			s.waitFor("resume", s.held.Load)
			f.signal(syscall.SIGKILL)
			f.end()
			release()
			if code := s.resume(); code != 0 {
				s.bad("ferry resume ended with %d", code)
			}
			s.asASuccess()
		}},
	}
}

// notTaken makes the store refuse results, and nothing else.
func (s *scene) notTaken() {
	s.proxy.Add(testenv.Rule{Kind: "PutObject", Fault: testenv.Fault{Status: 403},
		Match: func(r testenv.Request) bool {
			return strings.HasPrefix(r.Key, "root"+workdir+"/") && !strings.HasPrefix(r.Key, "root"+meta+"/")
		}})
}

// resume runs ferry resume to its end.
func (s *scene) resume() int {
	s.t.Helper()
	f := s.command("resume")
	s.begin(f)
	return f.end()
}

// asASuccess checks that the store has what a job leaves there that succeeds, and that the node has nothing.
func (s *scene) asASuccess() {
	s.t.Helper()
	rec, where := s.record()
	if where != "in the store" || rec.ExitCode != 0 || rec.State != record.StateDone || rec.Resumed == nil {
		s.bad("the record %s says %d, state %q", where, rec.ExitCode, rec.State)
	}
	s.checkExitFile(0, where)
	s.checkResults(rec, where)
	s.got.kept = false
	if _, files := s.left(); s.got.kept || len(files) > 0 {
		s.bad("left on the node: %v, results: %v", files, s.got.kept)
	}
	s.got.store += ", after resume"
}
