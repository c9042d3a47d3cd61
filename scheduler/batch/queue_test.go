package batch_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/scheduler/batch"
	"github.com/genepattern/ferry/scheduler/schedulertest"
	"github.com/genepattern/ferry/submit"
)

// The test binary stands in for ferry.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "run" {
		child := os.Getenv("AWS_BATCH_JOB_ARRAY_INDEX")
		if own := os.Getenv("FERRY_CHILD"); own != "" {
			child = own
		}
		os.Exit(schedulertest.Act(os.Getenv("FERRY_HANDLE"), child))
	}
	os.Exit(m.Run())
}

// queue is a queue of the account at the URL.
func queue(t *testing.T, url, name string, settings map[string][]string) *batch.Queue {
	t.Helper()
	if settings == nil {
		settings = map[string][]string{"transfer-image": {"registry/ferry:1.2"}}
	}
	conf := aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""),
		HTTPClient: &http.Client{Transport: whole{}}, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	q, err := batch.NewQueue(conf, name, scheduler.Host{Settings: settings, Lookup: func(n string) (string, bool) { return "from here", n == "GIVEN" }})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func task(what string, children ...int) scheduler.Task {
	return scheduler.Task{Name: submit.NewName(), Handle: "file:///" + what, Children: children,
		Needs: scheduler.Needs{Memory: 3 << 30, CPUs: 1.5, GPUs: 1, Walltime: time.Hour}}
}

func TestBatch(t *testing.T) {
	f, srv := newFake(t)
	q := queue(t, srv.URL, "q", nil)
	gone := httptest.NewServer(nil)
	gone.Close()
	schedulertest.Run(t, schedulertest.Rig{Scheduler: q, Silent: queue(t, gone.URL, "q", nil), Dir: t.TempDir(), Codes: true, Places: true, Patience: time.Minute,
		Busy: func(*testing.T) func() {
			f.set(func() { f.blocked = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - all of them" })
			return func() { f.set(func() { f.blocked = ""; f.schedule() }) }
		}})
}

func (f *fakeBatch) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeBatch) count(calls ...string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range calls {
		n += f.calls[c]
	}
	return n
}

func submitted(t *testing.T, q *batch.Queue, task scheduler.Task) string {
	t.Helper()
	id, err := q.Submit(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ended(t *testing.T, q *batch.Queue, id string, children []int) scheduler.Report {
	t.Helper()
	for range 1200 {
		r, err := q.Look(t.Context(), id, children)
		if err != nil {
			t.Fatal(err)
		}
		if r.Phase.Ended() {
			return r
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it never ends")
	return scheduler.Report{}
}

// The definition is registered once for an image, again where it is different, and one that ferry did not make is not touched.
func TestDefinitionIsRegistered(t *testing.T) {
	f, srv := newFake(t)
	q := queue(t, srv.URL, "q", nil)
	submitted(t, q, task("exit-0"))
	submitted(t, q, task("exit-0"))
	if n := f.count("registerjobdefinition"); n != 1 {
		t.Errorf("registered %d times", n)
	}
	submitted(t, queue(t, srv.URL, "q", map[string][]string{"transfer-image": {"registry/ferry:1.2"}, "job-role": {"arn:role"}}), task("exit-0"))
	f.set(func() {
		d := f.definitions[len(f.definitions)-1]
		props, _ := d["containerProperties"].(map[string]any)
		if len(f.definitions) != 2 || props["jobRoleArn"] != "arn:role" || props["image"] != "registry/ferry:1.2" || d["retryStrategy"] == nil || d["timeout"] == nil {
			t.Errorf("registered %v", f.definitions)
		}
	})
	f.set(func() {
		f.definitions = append(f.definitions, map[string]any{"jobDefinitionName": "ferry-submit-other", "revision": 1, "jobDefinitionArn": "arn:theirs", "status": "ACTIVE"})
	})
	if _, err := queue(t, srv.URL, "q", map[string][]string{"transfer-image": {"other"}}).Submit(t.Context(), task("exit-0")); cause.Of(err) != cause.Usage {
		t.Errorf("somebody else's definition: %v", err)
	}
	submitted(t, queue(t, srv.URL, "q", map[string][]string{"definition": {"ferry-submit-other"}}), task("exit-0"))
	if n := f.count("registerjobdefinition"); n != 2 {
		t.Errorf("registered %d times", n)
	}
	if _, err := queue(t, srv.URL, "q", map[string][]string{}).Submit(t.Context(), task("exit-0")); cause.Of(err) != cause.Usage {
		t.Errorf("no image: %v", err)
	}
}

// A job gets what it needs, and ferry's own container its variables.
func TestNeedsOfBatch(t *testing.T) {
	f, srv := newFake(t)
	q := queue(t, srv.URL, "q", map[string][]string{"transfer-image": {"i"}, "transfer-env": {"A=b=c", "GIVEN", "MISSING"}})
	submitted(t, q, task("exit-0"))
	f.set(func() {
		j := f.jobs[0]
		got := ""
		for _, r := range j.resources.([]any) {
			r := r.(map[string]any)
			got += text(r, "type") + "=" + text(r, "value") + " "
		}
		if got != "VCPU=2 MEMORY=3072 GPU=1 " || strings.Join(j.env, " ") != "FERRY_HANDLE=file:///exit-0 A=b=c GIVEN=from here" {
			t.Errorf("resources %q, environment %q", got, j.env)
		}
	})
}

// The queue's names are told to whoever asks for one that is not there.
func TestNoSuchQueue(t *testing.T) {
	_, srv := newFake(t)
	_, err := queue(t, srv.URL, "nosuch", nil).Submit(t.Context(), task("exit-0"))
	if cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), "nosuch") || cause.HintOf(err) != "there are the queues q, spot" {
		t.Errorf("%v, hint %q", err, cause.HintOf(err))
	}
}

// An answer that is lost is not followed by a second request, and the job is found by its name.
func TestLostAnswer(t *testing.T) {
	f, srv := newFake(t)
	q := queue(t, srv.URL, "q", nil)
	f.set(func() { f.lose = 1 })
	task := task("exit-0")
	if _, err := q.Submit(t.Context(), task); err == nil || cause.Is(err) && cause.Of(err) == cause.Usage {
		t.Fatalf("%v", err)
	}
	id, err := q.Find(t.Context(), task.Name)
	if err != nil || f.count("submitjob") != 1 {
		t.Fatalf("%v, %d requests", err, f.count("submitjob"))
	}
	if r := ended(t, q, id, nil); r.Phase != scheduler.Succeeded {
		t.Errorf("%+v", r)
	}
}

// A spot instance that is reclaimed is counted and named.
func TestReclaims(t *testing.T) {
	f, srv := newFake(t)
	q := queue(t, srv.URL, "q", nil)
	f.set(func() { f.reclaim = 1 })
	if r := ended(t, q, submitted(t, q, task("exit-0")), nil); r.Phase != scheduler.Succeeded || r.Reclaims != 1 || r.Attempts != 2 {
		t.Errorf("%+v", r)
	}
}

// Submitting and asking take so many calls, whatever the number of children.
func TestCallsForManyChildren(t *testing.T) {
	f, srv := newFake(t)
	f.places = 0
	q := queue(t, srv.URL, "q", nil)
	submitted(t, q, task("exit-0"))
	before := f.total()
	children := make([]int, 1000)
	for i := range children {
		children[i] = i
	}
	id := submitted(t, q, task("exit-0", children...))
	if n := f.total() - before; n != 2 {
		t.Errorf("submitting takes %d calls", n)
	}
	f.set(func() {
		for _, j := range f.children(id) {
			j.status = "FAILED"
		}
	})
	before = f.total()
	r, err := q.Look(t.Context(), id, children)
	if n := f.total() - before; err != nil || n > 11 || len(r.Failed) != 1000 || r.Phase != scheduler.Failed {
		t.Errorf("asking takes %d calls: %v, %d failed", n, err, len(r.Failed))
	}
}

func (f *fakeBatch) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		n += c
	}
	return n
}

// Why a job waits is said in words.
func TestWhyItWaits(t *testing.T) {
	f, srv := newFake(t)
	q := queue(t, srv.URL, "q", nil)
	for reason, want := range map[string]string{
		"MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - x": "maxvCpus",
		"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - x":         "no instance type",
		"UNDETERMINED - x": "does not know why",
		"something new":    "something new",
	} {
		f.set(func() { f.blocked = reason })
		id := submitted(t, q, task("exit-0"))
		r, err := q.Look(t.Context(), id, nil)
		if err != nil || r.Phase != scheduler.Waiting || !strings.Contains(r.Why, want) || !strings.Contains(r.Why, reason) {
			t.Errorf("%s: %+v, %v", reason, r, err)
		}
		if err := q.Cancel(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if _, err := q.Look(t.Context(), strconv.Itoa(7), nil); !errors.Is(err, scheduler.ErrUnknown) {
		t.Error(err)
	}
}
