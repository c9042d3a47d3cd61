package chaos

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

// crowd is how many jobs run on one node at once.
const crowd = 10

func crowdRows() []row {
	const group = "Several jobs on one node"
	return []row{
		{group: group, name: "ten at once, one of them killed (SIGKILL)", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "echo 'module begun'", "while [ ! -e go ] && [ ! -e "+meta+"/short ]; do sleep 0.2; done")
			jobs := make([]*scene, crowd)
			var wg sync.WaitGroup
			for i := range jobs {
				jobs[i] = s.neighbour(i)
			}
			victim := jobs[crowd/2]
			s.put(meta+"/short", "x") // the others' modules end by themselves
			started := make([]*ferry, crowd)
			for i, j := range jobs {
				if j == victim {
					j.exec("sleep 300")
				}
				started[i] = j.start()
			}
			started[crowd/2].stage("module")
			started[crowd/2].signal(syscall.SIGKILL)
			for i, f := range started {
				wg.Go(func() {
					if code := f.end(); jobs[i] != victim && code != 0 {
						s.bad("job %d ended with %d", i, code)
					}
				})
			}
			wg.Wait()
			for i, j := range jobs {
				if j == victim {
					continue
				}
				if rec, where := j.record(); where != "in the store" || rec.ExitCode != 0 {
					s.bad("job %d: the record is %q, code %d", i, where, rec.ExitCode)
				}
				for path, want := range j.results {
					if got, _ := j.stored(path); got != want {
						s.bad("job %d: %q is not in the store", i, path)
					}
				}
			}
			s.put(meta+"/exec.sh", copyInputs)
			s.runJob() // the next on this node, which finds what the killed one left
		}},
		{group: group, name: "a cleaner removes a running job's lock, then another ferry comes", root: true, code: 75, cause: "interrupted", run: func(s *scene) {
			s.loseLock(func(f *ferry) {
				next := s.neighbour(0)
				if code := next.start().end(); code != 0 {
					s.bad("the other ferry ended with %d", code)
				}
				again := s.start("--attempt", "2")
				if code := again.end(); code != 66 {
					s.bad("a second ferry with the same job ended with %d, want 66", code)
				}
				f.signal(syscall.SIGTERM)
				s.check(f)
			})
		}},
		{group: group, name: "a cleaner removes a running job's lock, --stage copy, then another ferry comes", root: true, code: 75, cause: "interrupted", run: func(s *scene) {
			s.loseLock(func(f *ferry) {
				if code := s.neighbour(0).start("--stage", "copy").end(); code != 0 {
					s.bad("the other ferry ended with %d", code)
				}
				f.signal(syscall.SIGTERM)
				s.check(f)
			}, "--stage", "copy")
		}},
		{group: group, name: "a cleaner removes a job's lock, its ferry is killed, then another comes", root: true, code: 137, run: func(s *scene) {
			s.loseLock(func(f *ferry) {
				f.signal(syscall.SIGKILL)
				s.orphaned(f.end(), "module")
			})
		}},
		{group: group, name: "two children of one array, with {index} in their working dir", run: func(s *scene) { s.children(workdir+"/{index}", 0, "") }},
		{group: group, name: "two children of one array, with the same working dir", code: 64, cause: "usage", run: func(s *scene) { s.children(workdir, 64, "usage") }},
		{group: group, name: "two with the same id: the second is refused", quick: true, code: 66, cause: "refused", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "echo 'module begun'", "while [ ! -e "+workdir+"/go ]; do sleep 0.2; done")
			first := s.start()
			first.until("module begun")
			second := s.start()
			code := second.end()
			if text, ok := s.stored(meta + "/run.json"); ok && strings.Contains(text, `"cause": "refused"`) {
				s.bad("the second wrote a record: %s", text)
			}
			if code != 66 {
				s.bad("the second ended with %d", code)
			}
			first.signal(syscall.SIGTERM)
			if c := first.end(); c != 75 {
				s.bad("the first ended with %d, want 75", c)
			}
			rec, where := s.record()
			s.got.code, s.got.cause = code, "refused"
			if rec.ExitCode != 75 || where != "in the store" {
				s.bad("the first's record is %q, code %d", where, rec.ExitCode)
			}
			s.checkResults(rec, where)
			s.checkLeft()
		}},
	}
}

// neighbour is another job on the node of s, with a bucket of its own.
func (s *scene) neighbour(i int) *scene {
	n := &scene{t: s.t, row: row{}, got: &seen{}, s3: testenv.S3(s.t), host: s.host, onHost: s.onHost, prefix: s.prefix,
		id: fmt.Sprintf("%sn%d", s.id, i), results: map[string]string{}}
	n.proxy = testenv.Proxy(s.t, n.s3.Endpoint)
	n.env = n.proxy.Via(n.s3).Env()
	n.put(meta+"/exec.sh", copyInputs)
	n.put(private+"/secret.txt", "secret\n")
	n.inputs(8)
	n.results = maps.Clone(n.results)
	return n
}

// loseLock takes away the lock of a job whose module runs, as a cleaner of temporary files does.
func (s *scene) loseLock(then func(*ferry), flags ...string) {
	s.t.Helper()
	f, _ := s.within("module", flags...)
	if err := os.RemoveAll(filepath.Join(s.prefix, ".ferry")); err != nil {
		s.t.Fatal(err)
	}
	then(f)
}

// children runs two children of an AWS Batch array job at the same time. Each has the results that its index makes, or both are
// refused.
func (s *scene) children(workdir string, code int, cause string) {
	s.t.Helper()
	s.put("/code/exec.sh", "echo begun > begun\nsleep 2\necho child $PART > result.txt\n")
	var started []*ferry
	for i := range 2 {
		c := &scene{t: s.t, row: s.row, got: s.got, s3: s.s3, proxy: s.proxy, host: s.host, prefix: s.prefix, id: fmt.Sprintf("%s.%d", s.id, i),
			env: slices.Clone(s.env)}
		c.setenv(fmt.Sprintf("AWS_BATCH_JOB_ID=%s:%d", s.id, i))
		c.setenv(fmt.Sprintf("AWS_BATCH_JOB_ARRAY_INDEX=%d", i))
		started = append(started, c.start("--job-id", fmt.Sprintf("%s:%d", s.id, i), "--workdir", workdir, "--input", "/code", "--exec", "/code/exec.sh", "--env", "PART={index}"))
	}
	s.expect()
	for i, f := range started {
		if got := f.end(); got != code {
			s.bad("child %d ended with %d, want %d", i, got, code)
		}
		if code == 0 {
			s.results[fmt.Sprintf("%s/%d/result.txt", strings.TrimSuffix(workdir, "/{index}"), i)] = fmt.Sprintf("child %d\n", i)
		}
	}
	s.got.code, s.got.cause = code, cause
	if text, ok := s.stored(workdir + "/result.txt"); ok {
		s.bad("a child that must be refused was run: %q", text)
	}
	for path := range s.results {
		dir := filepath.Dir(path)
		if text, _ := s.stored(dir + "/.gp_metadata/run.json"); !strings.Contains(text, `"state": "done"`) || !strings.Contains(text, `"exit_code": 0`) {
			s.bad("the record of %s: %s", dir, text)
		}
	}
	s.checkResults(record.Record{}, "in the store")
	s.checkLeft()
}
