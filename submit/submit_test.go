package submit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/sync/store"
)

func TestSubmit(t *testing.T) {
	r := newRig(t)
	r.put("work/in.txt", "in")
	r.put("work/.gp_metadata/exit_code.txt", "an older one")
	r.put("lib/code.R", "code")
	o := r.order("work", "library=lib", "env=A=1", "env=B", "memory=2g")
	o.Command = []string{"sort", "in.txt", "it's"}
	st := r.mustSubmit(o)
	if st.State != submit.Queued || st.Handle != r.remote+r.dir+"/work/.gp_metadata" {
		t.Errorf("%+v", st)
	}
	for name, want := range map[string]string{"work/in.txt": "in", "lib/code.R": "code", "work/.gp_metadata/exec.sh": `'it'\''s'`, "work/.gp_metadata/exit_code.txt": "none", "work/.gp_metadata/job.json": `"id-ferry-` + st.ID} {
		if got := r.stored(name); !strings.Contains(got, want) {
			t.Errorf("%s is %q", name, got)
		}
	}
	if len(r.desk.tasks) != 1 || r.desk.tasks[0].Handle != st.Handle || r.desk.tasks[0].Needs.Memory != 2<<30 {
		t.Fatalf("the scheduler got %+v", r.desk.tasks)
	}
	f, err := submit.ReadFile(t.Context(), r.Open, st.Handle)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Settings(-1)
	if err != nil {
		t.Fatal(err)
	}
	j, err := describe(s)
	if err != nil || j.Identity.ID != "ferry-"+st.ID || !slices.Equal(j.Program.Env, []string{"A=1", "B=from here"}) {
		t.Errorf("the node's job is %+v, %v", j, err)
	}
	if e, err := r.Book.Find(st.ID[:5]); err != nil || e.Handle != st.Handle {
		t.Errorf("the book says %+v, %v", e, err)
	}
	for _, ref := range []string{st.Handle, st.ID, st.Handle + "/job.json"} {
		if now, err := r.Status(t.Context(), ref); err != nil || now.State != submit.StagingIn || now.ID != st.ID {
			t.Errorf("%s: %+v, %v", ref, now, err)
		}
	}
}

// A job that is there is not submitted again by mistake, and run again only once it has ended.
func TestTwice(t *testing.T) {
	r := newRig(t)
	st := r.mustSubmit(r.order("work"))
	_, err := r.Submit(t.Context(), r.order("work"))
	if cause.Of(err) != cause.Usage || !strings.Contains(cause.HintOf(err), "--again "+st.ID) || len(r.desk.tasks) != 1 {
		t.Fatalf("twice: %v, hint %q", err, cause.HintOf(err))
	}
	again := submit.Repeat{Ref: st.ID, Describe: describe, Settings: job.Settings{"memory": {Values: []string{"8g"}, From: "--memory"}}}
	if _, err := r.Again(t.Context(), again); cause.Of(err) != cause.Usage {
		t.Fatalf("again while it runs: %v", err)
	}
	r.desk.report = scheduler.Report{Phase: scheduler.Failed}
	second, err := r.Again(t.Context(), again)
	if err != nil || second.ID == st.ID || second.Handle != st.Handle || len(r.desk.tasks) != 2 || r.desk.tasks[1].Needs.Memory != 8<<30 {
		t.Fatalf("again: %+v, %v", second, err)
	}
}

// The answer to a submission may be lost. The job is found then, and never submitted twice.
func TestAnswerLost(t *testing.T) {
	lost := errors.New("connection reset")
	t.Run("it arrived", func(t *testing.T) {
		r := newRig(t)
		r.desk.submit = func(task scheduler.Task) error { r.desk.tasks = append(r.desk.tasks, task); return lost }
		st := r.mustSubmit(r.order("work"))
		if len(r.desk.tasks) != 1 || !strings.Contains(r.stored("work/.gp_metadata/job.json"), `"id-ferry-`+st.ID) {
			t.Errorf("%d tasks", len(r.desk.tasks))
		}
	})
	t.Run("it did not arrive", func(t *testing.T) {
		r := newRig(t)
		r.desk.submit = func(scheduler.Task) error { return lost }
		if _, err := r.Submit(t.Context(), r.order("work")); cause.Of(err) != cause.Engine {
			t.Errorf("%v", err)
		}
		r.desk.submit = nil
		r.mustSubmit(r.order("work")) // nothing is in its way
	})
	t.Run("nobody knows", func(t *testing.T) {
		r := newRig(t)
		r.desk.submit = func(task scheduler.Task) error { r.desk.tasks = append(r.desk.tasks, task); return lost }
		r.desk.find = lost
		if _, err := r.Submit(t.Context(), r.order("work")); cause.Of(err) != cause.Engine || !strings.Contains(err.Error(), "not known") {
			t.Fatalf("%v", err)
		}
		r.desk.find, r.desk.submit = nil, nil
		st := r.mustSubmit(r.order("work")) // finds the first
		if len(r.desk.tasks) != 1 || "ferry-"+st.ID != r.desk.tasks[0].Name {
			t.Errorf("%d tasks, and the status is of %s", len(r.desk.tasks), st.ID)
		}
	})
}

// Of those who submit in one place at the same time at most one does.
func TestTwoPeople(t *testing.T) {
	for range 5 {
		r := newRig(t)
		r.Warn = func(string, ...any) {}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, err := r.Submit(t.Context(), r.order("work"))
				if err != nil && cause.Of(err) != cause.Usage {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(r.desk.tasks) > 1 {
			t.Fatalf("%d jobs in one place", len(r.desk.tasks))
		}
		if len(r.desk.tasks) == 0 {
			r.mustSubmit(r.order("work")) // whoever tries again
		}
	}
}

// broken is a store that cannot be reached from its nth Put on.
type broken struct {
	store.Store
	mu   *sync.Mutex
	puts *int
	from int
}

func (b *broken) Put(ctx context.Context, key string, body store.Body, o store.PutOptions) (store.Object, error) {
	b.mu.Lock()
	*b.puts++
	n := *b.puts
	b.mu.Unlock()
	if n >= b.from {
		return store.Object{}, store.ErrUnreachable
	}
	return b.Store.Put(ctx, key, body, o)
}

// The store may go away at any point. No job is submitted whose files are not there, and one that is submitted is found by its handle.
func TestStoreGoesAway(t *testing.T) {
	submitted := 0
	for from := 1; from <= 6; from++ {
		r := newRig(t)
		r.put("work/in.txt", "in")
		var mu sync.Mutex
		puts := 0
		r.store = func(st store.Store) store.Store { return &broken{Store: st, mu: &mu, puts: &puts, from: from} }
		st, err := r.Submit(t.Context(), r.order("work"))
		r.store = nil
		if err != nil {
			if len(r.desk.tasks) != 0 || cause.Of(err) != cause.StageOut {
				t.Errorf("gone from Put %d: %d tasks, %v", from, len(r.desk.tasks), err)
			}
			r.mustSubmit(r.order("work"))
			continue
		}
		submitted++
		now, err := r.Status(t.Context(), st.Handle)
		if err != nil || now.State != submit.StagingIn || now.ID != st.ID {
			t.Errorf("gone from Put %d: %+v, %v", from, now, err)
		}
	}
	// claim, in.txt, exec.sh, job.json: before the task is handed over. job.json again: after it.
	if submitted != 2 {
		t.Errorf("%d of 6 were submitted", submitted)
	}
}

func TestCancel(t *testing.T) {
	r := newRig(t)
	st := r.mustSubmit(r.order("work"))
	if now, err := r.Cancel(t.Context(), st.ID); err != nil || now.State != submit.StagingIn || len(r.desk.cancel) != 1 {
		t.Fatalf("%+v, %v", now, err)
	}
	r.desk.report = scheduler.Report{Phase: scheduler.Failed}
	if now, err := r.Status(t.Context(), st.ID); err != nil || now.State != submit.Cancelled {
		t.Errorf("%+v, %v", now, err)
	}
	if _, err := r.Cancel(t.Context(), st.ID); err != nil || len(r.desk.cancel) != 1 {
		t.Errorf("one that has ended: %v, %d", err, len(r.desk.cancel))
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t)
	noCommand := r.order("work", "exec=nosuch.sh")
	noCommand.Command = nil
	notLocal := r.order("work")
	delete(notLocal.Settings, "remote")
	array := r.order("work", "metadata-dir=elsewhere")
	array.Array = &handle.Array{Count: 2}
	for about, o := range map[string]submit.Order{
		"an id":             r.order("work", "job-id=7"),
		"no remote":         notLocal,
		"two programs":      r.order("work", "exec=x.sh"),
		"script nowhere":    noCommand,
		"array's metadata":  array,
		"a bad option":      r.order("work", "memory=lots"),
		"no scheduler here": func() submit.Order { o := r.order("work"); o.Target = "moon"; return o }(),
	} {
		if _, err := r.Submit(t.Context(), o); err == nil || cause.Is(err) && cause.Of(err) != cause.Usage {
			t.Errorf("%s: %v", about, err)
		}
	}
	if len(r.desk.tasks) != 0 || !strings.HasPrefix(r.stored("work/.gp_metadata/job.json"), "none") {
		t.Error("something was submitted")
	}
	for _, ref := range []string{"", "nothex", "abcd", "s3:", r.remote + "/none"} {
		if _, err := r.Status(t.Context(), ref); cause.Of(err) != cause.Usage {
			t.Errorf("status of %q: %v", ref, err)
		}
	}
}
