package submit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/wrapper/record"
)

// ended puts a child's record and output into the store.
func (r *rig) ended(name string, index, code int, c cause.Cause, said string) {
	r.t.Helper()
	var rec record.Record
	rec.Job, rec.State, rec.ExitCode, rec.Cause = handle.ChildID(name, index), record.StateDone, code, c
	rec.Limits.Memory = int64(index+1) << 30
	data, err := json.Marshal(&rec)
	if err != nil {
		r.t.Fatal(err)
	}
	r.putStored(fmt.Sprintf("work/%d/.gp_metadata/run.json", index), string(data))
	r.putStored(fmt.Sprintf("work/%d/.gp_metadata/stdout.txt", index), said)
}

// Of an array those children are run again that had too little memory. The others count as before, those that failed for another
// reason too, and all children's output can be shown.
func TestArrayAgainWithMore(t *testing.T) {
	r := newRig(t)
	o := r.order("work", "memory=1g")
	o.Array = &handle.Array{Count: 4}
	st := r.mustSubmit(o)
	for i, c := range []cause.Cause{"", cause.OOM, "", cause.OOM} {
		r.ended("ferry-"+st.ID, i, []int{0, 137, 5, 137}[i], c, fmt.Sprintf("first %d\n", i))
	}
	r.desk.report = scheduler.Report{Phase: scheduler.Failed, Children: map[scheduler.Phase]int{scheduler.Succeeded: 1, scheduler.Failed: 3}, Failed: []int{1, 2, 3}}
	children, limit, err := r.OutOfMemory(t.Context(), st.Handle)
	if err != nil || !slices.Equal(children, []int{1, 3}) || limit != 4<<30 {
		t.Fatalf("%v, %d, %v", children, limit, err)
	}
	second, err := r.Again(t.Context(), submit.Repeat{Ref: st.Handle, Memory: 8 << 30, Children: children, Describe: describe})
	if err != nil {
		t.Fatal(err)
	}
	task := r.desk.tasks[1]
	if !slices.Equal(task.Children, []int{1, 3}) || task.Needs.Memory != 8<<30 {
		t.Errorf("the scheduler got %+v", task)
	}
	r.ended("ferry-"+second.ID, 1, 0, "", "second 1\n")
	r.ended("ferry-"+second.ID, 3, 137, cause.OOM, "second 3\n")
	r.desk.report = scheduler.Report{Phase: scheduler.Failed, Children: map[scheduler.Phase]int{scheduler.Succeeded: 1, scheduler.Failed: 1}, Failed: []int{3}}
	now, err := r.Status(t.Context(), st.Handle)
	if err != nil || now.Children[submit.Done] != 2 || now.Children[submit.Failed] != 2 || !slices.Equal(now.Failed, []int{2, 3}) || *now.ExitCode != 5 {
		t.Errorf("%+v, %v", now, err)
	}
	if children, _, err := r.OutOfMemory(t.Context(), st.Handle); err != nil || !slices.Equal(children, []int{3}) {
		t.Errorf("the next time: %v, %v", children, err)
	}
	for child, want := range map[int]string{-1: "[0] first 0\n[1] second 1\n[2] first 2\n[3] second 3\n", 0: "first 0\n", 3: "second 3\n"} {
		var out, errs bytes.Buffer
		if err := r.Logs(t.Context(), submit.Logs{Ref: st.Handle, Child: child, Stdout: &out, Stderr: &errs}); err != nil || out.String() != want {
			t.Errorf("the output of %d is %q, %v", child, out.String(), err)
		}
	}
	for _, l := range []submit.Logs{{Child: 4}, {Child: 99, Ferry: true}, {Child: 0, Ferry: true}} {
		l.Ref, l.Stdout, l.Stderr = st.Handle, &bytes.Buffer{}, &bytes.Buffer{}
		if err := r.Logs(t.Context(), l); cause.Of(err) != cause.Usage {
			t.Errorf("child %d: %v", l.Child, err)
		}
	}
	// All that failed, whyever.
	third, err := r.Again(t.Context(), submit.Repeat{Ref: st.Handle, OnlyFailed: true, Describe: describe})
	if err != nil || !slices.Equal(r.desk.tasks[2].Children, []int{2, 3}) {
		t.Errorf("%+v, %v, %+v", third, err, r.desk.tasks[2])
	}
	r.desk.report = scheduler.Report{Phase: scheduler.Succeeded, Children: map[scheduler.Phase]int{scheduler.Succeeded: 2}}
	if now, err := r.Status(t.Context(), st.Handle); err != nil || now.State != submit.Done || now.Children[submit.Done] != 4 || len(now.Failed) > 0 {
		t.Errorf("in the end: %+v, %v", now, err)
	}
}

// Of an array that has ended, the record of a child counts more than the scheduler's word, and alone where there is none.
func TestArrayRecords(t *testing.T) {
	r := newRig(t)
	o := r.order("work")
	o.Array = &handle.Array{Count: 6}
	st := r.mustSubmit(o)
	name := "ferry-" + st.ID
	r.ended(name, 1, 0, "", "") // the scheduler says that it failed
	r.ended(name, 2, 7, "", "") // and it did
	r.ended(name, 3, 0, "", "") // the scheduler is silent
	r.ended(name, 4, 9, "", "") // here too; and of 5 there is no record
	r.desk.report = scheduler.Report{Phase: scheduler.Failed, Children: map[scheduler.Phase]int{scheduler.Succeeded: 1, scheduler.Failed: 2}, Failed: []int{1, 2}, Silent: []int{3, 4, 5}}
	now, err := r.Status(t.Context(), st.Handle)
	if err != nil || now.State != submit.Failed || now.Children[submit.Done] != 3 || now.Children[submit.Failed] != 2 || now.Children[submit.Lost] != 1 || !slices.Equal(now.Failed, []int{2, 4, 5}) || *now.ExitCode != 7 {
		t.Errorf("%+v, %v", now, err)
	}
	// While it goes on, what is silent and has a record counts, too.
	r.desk.report = scheduler.Report{Phase: scheduler.Running, Children: map[scheduler.Phase]int{scheduler.Running: 3}, Silent: []int{1, 2, 3}}
	now, err = r.Status(t.Context(), st.Handle)
	if err != nil || now.State != submit.Running || now.Children[submit.Done] != 2 || now.Children[submit.Failed] != 1 || !slices.Equal(now.Failed, []int{2}) {
		t.Errorf("%+v, %v", now, err)
	}
}
