package batch_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A fakeBatch is AWS Batch as its documentation describes it, as far as a submitter sees it: arrays whose parent is PENDING while its
// children run, exit codes, retries by the job definition's rules, job names that are no keys, pages of a hundred. Its jobs are
// processes: the test binary with the job's variables.
// https://docs.aws.amazon.com/batch/latest/APIReference/Welcome.html
type fakeBatch struct {
	t      *testing.T
	places int // jobs at once

	mu          sync.Mutex
	definitions []map[string]any
	jobs        []*fakeJob
	calls       map[string]int
	blocked     string // the statusReason of jobs in RUNNABLE
	lose        int    // so many answers to SubmitJob are lost
	reclaim     int    // so many attempts end with their node
	wg          sync.WaitGroup
}

type fakeJob struct {
	id, name, parent, status, reason string
	index, size, attempts            int
	env                              []string
	code                             *int
	log                              strings.Builder
	tries                            []map[string]any
	cmd                              *exec.Cmd
	created, started, stopped        int64
	resources                        any
}

func newFake(t *testing.T) (*fakeBatch, *httptest.Server) {
	f := &fakeBatch{t: t, places: 2, calls: map[string]int{}}
	srv := httptest.NewServer(f)
	t.Cleanup(func() {
		f.mu.Lock()
		for _, j := range f.jobs {
			f.end(j)
		}
		f.mu.Unlock()
		f.wg.Wait()
		srv.Close()
	})
	return f, srv
}

func (f *fakeBatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	op := strings.TrimPrefix(r.URL.Path, "/v1/")
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		op = target
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	serve, ok := map[string]func(map[string]any) (any, string){
		"registerjobdefinition": f.register, "describejobdefinitions": f.describeDefinitions, "submitjob": f.submit, "describejobs": f.describe,
		"listjobs": f.list, "terminatejob": f.terminate, "describejobqueues": f.queues, "Logs_20140328.GetLogEvents": f.events,
	}[op]
	if !ok {
		f.t.Errorf("the fake has no %s", op)
		http.NotFound(w, r)
		return
	}
	out, refusal := serve(in)
	if op == "submitjob" && refusal == "" && f.lose > 0 {
		f.lose--
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	w.Header().Set("Content-Type", "application/json")
	if refusal != "" {
		w.Header().Set("X-Amzn-ErrorType", "ClientException")
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]any{"message": refusal}
	}
	_ = json.NewEncoder(w).Encode(out) // who has gone needs none
}

func text(in map[string]any, name string) string { s, _ := in[name].(string); return s }

func (f *fakeBatch) register(in map[string]any) (any, string) {
	revision := 1
	for _, d := range f.definitions {
		if d["jobDefinitionName"] == in["jobDefinitionName"] {
			revision++
		}
	}
	in["revision"], in["status"] = revision, "ACTIVE"
	in["jobDefinitionArn"] = fmt.Sprintf("arn:aws:batch:us-east-1:1:job-definition/%s:%d", text(in, "jobDefinitionName"), revision)
	f.definitions = append(f.definitions, in)
	return in, ""
}

func (f *fakeBatch) describeDefinitions(in map[string]any) (any, string) {
	found := []map[string]any{}
	for _, d := range f.definitions {
		if d["jobDefinitionName"] == in["jobDefinitionName"] {
			found = append(found, d)
		}
	}
	return map[string]any{"jobDefinitions": found}, ""
}

func (f *fakeBatch) queues(map[string]any) (any, string) {
	return map[string]any{"jobQueues": []map[string]any{{"jobQueueName": "q", "state": "ENABLED", "status": "VALID"}, {"jobQueueName": "spot", "state": "ENABLED", "status": "VALID"}}}, ""
}

func (f *fakeBatch) submit(in map[string]any) (any, string) {
	if q := text(in, "jobQueue"); q != "q" {
		return nil, "Job queue " + q + " does not exist."
	}
	i := slices.IndexFunc(f.definitions, func(d map[string]any) bool {
		return d["jobDefinitionArn"] == in["jobDefinition"] || d["jobDefinitionName"] == in["jobDefinition"]
	})
	if i < 0 {
		return nil, "JobDefinition not found"
	}
	attempts := 1
	if rs, ok := f.definitions[i]["retryStrategy"].(map[string]any); ok {
		attempts = int(rs["attempts"].(float64))
	}
	overrides, _ := in["containerOverrides"].(map[string]any)
	var env []string
	list, _ := overrides["environment"].([]any)
	for _, e := range list {
		kv, _ := e.(map[string]any)
		env = append(env, text(kv, "name")+"="+text(kv, "value"))
	}
	j := &fakeJob{id: fmt.Sprintf("%08d-0000-0000-0000-000000000000", len(f.jobs)+1), name: text(in, "jobName"), status: "RUNNABLE", env: env, index: -1, attempts: attempts, created: time.Now().UnixMilli(), resources: overrides["resourceRequirements"]}
	f.jobs = append(f.jobs, j)
	if a, ok := in["arrayProperties"].(map[string]any); ok {
		j.size, j.status = int(a["size"].(float64)), "PENDING"
		if j.size < 2 {
			return nil, "Array size must be from 2 to 10000"
		}
		for n := range j.size {
			f.jobs = append(f.jobs, &fakeJob{id: j.id + ":" + strconv.Itoa(n), name: j.name, parent: j.id, index: n, status: "RUNNABLE", attempts: attempts, created: j.created,
				env: append(slices.Clone(env), "AWS_BATCH_JOB_ARRAY_INDEX="+strconv.Itoa(n))})
		}
	}
	f.schedule()
	return map[string]any{"jobId": j.id, "jobName": j.name}, ""
}

// schedule starts jobs where there are places.
func (f *fakeBatch) schedule() {
	running := 0
	for _, j := range f.jobs {
		if j.status == "RUNNING" {
			running++
		}
	}
	for _, j := range f.jobs {
		if j.status == "RUNNABLE" && running < f.places && f.blocked == "" {
			running++
			f.start(j)
		}
	}
}

func (f *fakeBatch) start(j *fakeJob) {
	j.status, j.started = "RUNNING", time.Now().UnixMilli()
	j.cmd = exec.Command(os.Args[0], "run")
	j.cmd.Env = append(append(os.Environ(), j.env...), "AWS_BATCH_JOB_ID="+j.id, "AWS_BATCH_JOB_ATTEMPT="+strconv.Itoa(len(j.tries)+1))
	j.cmd.Stdout = lockedLog{f, j}
	if err := j.cmd.Start(); err != nil {
		f.t.Error(err)
		return
	}
	f.wg.Go(func() {
		_ = j.cmd.Wait() // its state says how it ended
		f.mu.Lock()
		defer f.mu.Unlock()
		code := j.cmd.ProcessState.ExitCode()
		try := map[string]any{"container": map[string]any{"exitCode": code}, "statusReason": "Essential container in task exited"}
		again := code == 75
		if f.reclaim > 0 {
			f.reclaim--
			again, try = true, map[string]any{"container": map[string]any{}, "statusReason": "Host EC2 (instance i-0123) terminated."}
		}
		j.tries = append(j.tries, try)
		if again && len(j.tries) < j.attempts && j.reason == "" {
			j.status = "RUNNABLE"
			f.schedule()
			return
		}
		j.code, j.stopped, j.status = &code, time.Now().UnixMilli(), "SUCCEEDED"
		if code != 0 {
			j.status = "FAILED"
			if j.reason == "" {
				j.reason = text(try, "statusReason")
			}
		}
		f.schedule()
	})
}

type lockedLog struct {
	f *fakeBatch
	j *fakeJob
}

func (l lockedLog) Write(p []byte) (int, error) {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	return l.j.log.Write(p)
}

func (f *fakeBatch) children(id string) (all []*fakeJob) {
	for _, j := range f.jobs {
		if j.parent == id {
			all = append(all, j)
		}
	}
	return all
}

// settle gives an array's parent the state that follows from its children's.
func (f *fakeBatch) settle(j *fakeJob) map[string]int {
	n := map[string]int{}
	for _, c := range f.children(j.id) {
		n[c.status]++
		j.stopped = max(j.stopped, c.stopped)
	}
	if j.size > 0 && n["SUCCEEDED"]+n["FAILED"] == j.size {
		j.status = "SUCCEEDED"
		if n["FAILED"] > 0 {
			j.status = "FAILED"
		}
	}
	return n
}

func (f *fakeBatch) describe(in map[string]any) (any, string) {
	found := []map[string]any{}
	ids, _ := in["jobs"].([]any)
	for _, j := range f.jobs {
		if !slices.Contains(ids, any(j.id)) {
			continue
		}
		summary := f.settle(j)
		d := map[string]any{"jobId": j.id, "jobName": j.name, "status": j.status, "statusReason": j.reason, "createdAt": j.created, "startedAt": j.started,
			"attempts": j.tries, "jobQueue": "q", "jobDefinition": "d"}
		if j.status == "RUNNABLE" {
			d["statusReason"] = f.blocked
		}
		if j.stopped > 0 {
			d["stoppedAt"] = j.stopped
		}
		if j.size > 0 {
			d["arrayProperties"] = map[string]any{"size": j.size, "statusSummary": summary}
		} else {
			c := map[string]any{"logStreamName": "d/default/" + j.id, "resourceRequirements": j.resources}
			if j.code != nil {
				c["exitCode"] = *j.code
			}
			d["container"] = c
		}
		found = append(found, d)
	}
	return map[string]any{"jobs": found}, ""
}

func (f *fakeBatch) list(in map[string]any) (any, string) {
	found := []map[string]any{}
	filters, _ := in["filters"].([]any)
	from, _ := strconv.Atoi(text(in, "nextToken"))
	for _, j := range f.jobs {
		if len(filters) > 0 {
			filter, _ := filters[0].(map[string]any)
			values, _ := filter["values"].([]any)
			if j.parent != "" || !slices.Contains(values, any(j.name)) {
				continue
			}
		} else if j.parent != text(in, "arrayJobId") || j.status != text(in, "jobStatus") {
			continue
		}
		s := map[string]any{"jobId": j.id, "jobName": j.name, "status": j.status}
		if j.parent != "" {
			s["arrayProperties"] = map[string]any{"index": j.index}
		}
		found = append(found, s)
	}
	const page = 100
	out := map[string]any{"jobSummaryList": found[min(from, len(found)):min(from+page, len(found))]}
	if from+page < len(found) {
		out["nextToken"] = strconv.Itoa(from + page)
	}
	return out, ""
}

func (f *fakeBatch) terminate(in map[string]any) (any, string) {
	for _, j := range f.jobs {
		if j.id == text(in, "jobId") || j.parent == text(in, "jobId") {
			j.reason = text(in, "reason")
			f.end(j)
		}
	}
	return map[string]any{}, ""
}

// end sends SIGTERM to a job that runs, and cancels one that waits.
func (f *fakeBatch) end(j *fakeJob) {
	switch j.status {
	case "RUNNING":
		_ = j.cmd.Process.Signal(syscall.SIGTERM) // one that has just ended needs none
	case "RUNNABLE":
		j.status = "FAILED"
	}
}

func (f *fakeBatch) events(in map[string]any) (any, string) {
	all := []map[string]any{}
	for _, j := range f.jobs {
		if text(in, "logStreamName") == "d/default/"+j.id {
			for line := range strings.Lines(j.log.String()) {
				all = append(all, map[string]any{"message": strings.TrimSuffix(line, "\n"), "timestamp": j.started})
			}
		}
	}
	return map[string]any{"events": all}, ""
}
