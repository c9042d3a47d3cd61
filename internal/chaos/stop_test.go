package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// holds are ways to keep a job in a stage, so that something can happen to it there. Each returns how to let it go on.
var holds = map[string]func(s *scene) (release func()){
	// Another ferry holds the job's lock, as one does that looks for orphans.
	"prepare": func(s *scene) func() {
		dir := filepath.Join(s.prefix, ".ferry")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, s.id+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		return func() { _ = os.Remove(f.Name()); _ = f.Close(); _ = os.Remove(dir) }
	},
	"stage-in":  func(s *scene) func() { return s.stallOn("GET", input+"/f003.txt") },
	"launch":    func(s *scene) func() { return func() {} },
	"module":    func(s *scene) func() { return func() {} },
	"stage-out": func(s *scene) func() { return s.stallOn("PUT", workdir+"/f003.txt") },
	"clean":     func(s *scene) func() { return func() {} },
	// The results and the outcome are in the store, the container is removed; only the last word of the record is not sent.
	"record": func(s *scene) func() {
		told := false
		s.proxy.Add(testenv.Rule{Kind: "PutObject", Fault: testenv.Fault{Stall: true}, Match: func(r testenv.Request) bool {
			last := told && r.Key == "root"+meta+"/run.json"
			told = told || r.Key == "root"+meta+"/exit_code.txt"
			return last
		}})
		return s.proxy.Clear
	},
}

// stages are the names of holds in their order, but for clean, which is too short to do anything but restart an engine in.
var stages = []string{"prepare", "stage-in", "launch", "module", "stage-out", "record"}

// stallOn makes requests for one key get no answer until release.
func (s *scene) stallOn(method, path string) (release func()) {
	released := make(chan struct{})
	s.front(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == method && strings.HasSuffix(r.URL.Path, "/root"+path) {
			s.held.Store(true)
			select {
			case <-released:
			case <-r.Context().Done():
			}
		}
		return false
	})
	once := sync.OnceFunc(func() { close(released) })
	s.t.Cleanup(once)
	return once
}

// within starts the job and returns once it is in the stage.
func (s *scene) within(stage string, flags ...string) (*ferry, func()) {
	s.t.Helper()
	release := holds[stage](s)
	if stage == "module" || stage == "launch" {
		s.exec("set -e", "cp /in/* .", "echo done > result.txt", "echo 'module begun'", "sleep 300 & wait")
	}
	f := s.start(flags...)
	switch stage {
	case "stage-in":
		s.waitFor(stage, s.held.Load)
		f.until(`"stage":"pull","took"`) // which goes on at the same time
	case "stage-out":
		s.waitFor(stage, s.held.Load)
	case "module":
		f.until("module begun")
	case "record":
		f.stage("clean")
		s.waitFor("the last record", func() bool {
			return slices.ContainsFunc(s.proxy.Requests(), func(r testenv.Request) bool { return r.Fault })
		})
	default:
		f.stage(stage)
	}
	return f, release
}

func (s *scene) requested(kind, path string) {
	s.t.Helper()
	s.waitFor(kind+" "+path, func() bool {
		for _, r := range s.proxy.Requests() {
			if r.Kind == kind && r.Key == "root"+path {
				return true
			}
		}
		return false
	})
}

func stopRows() (rows []row) {
	const group = "Ferry is told to stop (SIGTERM)"
	for _, stage := range stages {
		r := row{group: group, name: "in " + stage, code: 75, cause: "interrupted", quick: stage == "module", run: func(s *scene) {
			if stage == "prepare" || stage == "stage-in" || stage == "launch" {
				s.expect() // the module has written nothing yet
			}
			f, release := s.within(stage)
			f.signal(syscall.SIGTERM)
			if stage == "prepare" {
				release()
			}
			s.check(f)
		}}
		switch stage {
		case "stage-out":
			r.run = func(s *scene) { // the store never answers again for one result
				f, _ := s.within(stage, "--grace", "8")
				f.signal(syscall.SIGTERM)
				s.check(f)
			}
			r.name = "in stage-out, with a store that stalls until the grace time is over"
		case "record":
			r.code, r.cause = 0, ""
			r.run = func(s *scene) {
				f, _ := s.within(stage, "--grace", "4")
				f.signal(syscall.SIGTERM)
				s.check(f)
			}
			r.name = "when only the last word of the record is to be sent, to a store that stalls"
		}
		rows = append(rows, r)
	}
	term := func(s *scene) *ferry {
		s.exec("set -e", "cp /in/* .", "echo done > result.txt", "trap '' TERM", "echo 'module begun'", "while :; do sleep 1; done")
		f := s.start()
		f.until("module begun")
		return f
	}
	return append(rows,
		row{group: group, name: "in stage-out, with a store that answers", run: func(s *scene) {
			s.proxy.Add(testenv.Rule{Kind: "PutObject", Fault: testenv.Fault{Delay: 2 * time.Second},
				Match: func(r testenv.Request) bool { return r.Key == "root"+workdir+"/f003.txt" }})
			f := s.start()
			s.requested("PutObject", workdir+"/f003.txt")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		row{group: group, name: "twice, while a module that ignores TERM is stopped", code: 75, cause: "interrupted", run: func(s *scene) {
			f := term(s)
			f.signal(syscall.SIGTERM)
			f.until("stopping")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		row{group: group, name: "twice, in stage-out with a store that stalls", code: 75, cause: "interrupted", quick: true, run: func(s *scene) {
			f, _ := s.within("stage-out", "--grace", "4")
			f.signal(syscall.SIGTERM)
			f.until("stopping")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		row{group: group, name: "twice, in stage-out with a store that is gone", code: 75, cause: "interrupted", run: func(s *scene) {
			f, _ := s.within("stage-out", "--grace", "4")
			s.proxy.Add(testenv.Rule{Fault: testenv.Fault{Stall: true}})
			f.signal(syscall.SIGTERM)
			f.until("stopping")
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		row{group: group, name: "by a spot notice (--watch-spot)", code: 75, cause: "interrupted", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "echo 'module begun'", "sleep 300 & wait")
			notice := s.fakeIMDS()
			f := s.start("--watch-spot")
			f.until("module begun")
			notice()
			if rec := s.check(f); !strings.Contains(rec.Error, "spot") {
				s.bad("the record says %q", rec.Error)
			}
		}},
		row{group: group, name: "by its own run limit (--walltime)", code: 142, cause: "walltime", run: func(s *scene) {
			s.exec("set -e", "cp /in/* .", "echo done > result.txt", "sleep 300 & wait")
			s.runJob("--walltime", "5")
		}},
	)
}

// fakeIMDS is an instance metadata service without a notice, until the function is called.
func (s *scene) fakeIMDS() (notice func()) {
	on := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "PUT" && r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "token")
			return
		case r.URL.Path == "/latest/meta-data/spot/instance-action":
			select {
			case <-on:
				fmt.Fprintf(w, `{"action":"terminate","time":%q}`, time.Now().Add(2*time.Minute).UTC().Format(time.RFC3339))
				return
			default:
			}
		}
		http.NotFound(w, r)
	}))
	s.t.Cleanup(srv.Close)
	s.env = append(s.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+srv.URL, "AWS_EC2_METADATA_DISABLED=false")
	return func() { close(on) }
}

func killRows() (rows []row) {
	const group = "Ferry is killed (SIGKILL)"
	for _, stage := range stages {
		rows = append(rows, row{group: group, name: "in " + stage, code: 137, quick: stage == "module", run: func(s *scene) {
			f, release := s.within(stage)
			f.signal(syscall.SIGKILL)
			code := f.end()
			release()
			s.orphaned(code, stage)
		}})
	}
	return append(rows, row{group: group, name: "in stage-in of a second attempt, after a first that succeeded", code: 137, quick: true, run: func(s *scene) {
		if code := s.start().end(); code != 0 {
			s.bad("the first attempt ended with %d", code)
		}
		release := s.stallOn("GET", input+"/f003.txt")
		f := s.start("--attempt", "2")
		s.waitFor("stage-in", s.held.Load)
		f.signal(syscall.SIGKILL)
		code := f.end()
		release()
		if text, ok := s.stored(meta + "/exit_code.txt"); ok {
			s.bad("the store has an exit code: %s", text)
		}
		if text, _ := s.stored(meta + "/run.json"); !strings.Contains(text, `"attempt": 2`) || !strings.Contains(text, `"state": "running"`) {
			s.bad("run.json in the store: %s", text)
		}
		s.orphaned(code, "stage-in")
	}})
}

// orphaned checks what a killed ferry left, and that the next ferry on the node finds and removes it.
func (s *scene) orphaned(code int, stage string) {
	s.t.Helper()
	s.got.code = code
	if code != s.row.code {
		s.bad("exit code %d", code)
	}
	if text, ok := s.stored(meta + "/exit_code.txt"); ok && stage != "record" {
		s.bad("an exit code is in the store: %q", text)
	}
	local := filepath.Join(s.prefix, s.id+".1")
	if _, err := os.Stat(filepath.Join(s.prefix, s.id+".2")); err == nil {
		local = filepath.Join(s.prefix, s.id+".2")
	}
	if stage != "prepare" {
		s.running(local, stage)
		s.doctor("text", s.id)
		s.doctor("json", s.id)
	}
	containers, _ := s.left()
	s.got.engine = "nothing"
	if len(containers) > 0 {
		s.got.engine = "the module's container, until the next ferry"
	}
	if _, ok := s.readNode(filepath.Join(local, meta, "run.json")); ok {
		s.got.disk = "the attempt's files, until the next ferry"
	} else {
		s.got.disk = "nothing"
	}
	s.got.store = "what was there"
	if stage == "stage-out" {
		s.got.store = "what was there, and some results; no exit code"
	}
	if stage == "record" {
		s.got.store = "all results; exit code"
		for path, want := range s.results {
			if got, _ := s.stored(path); got != want {
				s.bad("%q is not in the store", path)
			}
		}
	}
	// The next ferry has another job.
	s.proxy.Clear()
	next := &scene{t: s.t, row: row{}, got: &seen{}, s3: testenv.S3(s.t), host: s.host, prefix: s.prefix, id: s.id + "next", results: map[string]string{}}
	next.proxy = testenv.Proxy(s.t, next.s3.Endpoint)
	next.env = next.proxy.Via(next.s3).Env()
	next.put(meta+"/exec.sh", "sleep 1\n")
	next.put(private+"/x", "x")
	next.put(input+"/x", "x")
	f := next.start()
	if c := f.end(); c != 0 {
		s.bad("the next ferry ended with %d", c)
	}
	if containers, files := s.left(); len(containers) > 0 || len(files) > 0 {
		s.bad("the next ferry left of the dead one: containers %v, files %v", containers, files)
	}
	s.got.failed = append(s.got.failed, next.got.failed...)
}

// running checks the record that a killed ferry left on the node.
func (s *scene) running(local, stage string) {
	s.t.Helper()
	text, ok := s.readNode(filepath.Join(local, meta, "run.json"))
	if !ok {
		s.bad("no run.json in %s", local)
		return
	}
	var rec struct {
		State  string
		Stages []struct{ Name, Outcome string }
	}
	if err := json.Unmarshal([]byte(text), &rec); err != nil || rec.State != "running" && stage != "record" {
		s.bad("run.json on the node: %v, state %q", err, rec.State)
	}
	for _, st := range rec.Stages {
		if st.Name == stage && st.Outcome == "running" || stage == "launch" && st.Name == "module" || stage == "record" && st.Name == "clean" {
			return
		}
	}
	s.bad("run.json on the node does not say that %s was running: %+v", stage, rec.Stages)
}

// doctor checks that `ferry doctor` names the orphan and fails.
func (s *scene) doctor(format, want string) {
	s.t.Helper()
	args := []string{"doctor", "--remote", "s3://" + s.s3.Bucket + "/root"}
	if format == "json" {
		args = append(args, "--json")
	}
	f := s.command(args...)
	f.cmd.Stdout, f.cmd.Stderr = nil, nil
	text, err := f.cmd.Output()
	if err == nil {
		s.bad("doctor finds nothing wrong")
	}
	if format == "json" {
		var checks []struct {
			Check, Detail string
			OK            bool
		}
		if err := json.Unmarshal(text, &checks); err != nil {
			s.bad("doctor --json: %v: %s", err, text)
		}
		for _, c := range checks {
			if c.Check == "orphans" && !c.OK && strings.Contains(c.Detail, want) {
				return
			}
		}
	} else if strings.Contains(string(text), "FAIL  orphans") && strings.Contains(string(text), want) {
		return
	}
	s.bad("doctor does not name job %s:\n%s", want, text)
}
