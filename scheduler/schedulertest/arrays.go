package schedulertest

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/genepattern/ferry/scheduler"
)

func array(t *testing.T, r Rig) {
	task := r.task("odd-fail")
	task.Children, task.Parallel = []int{0, 1, 2, 3, 4}, 2
	rep := r.until(t, r.submit(t, task), task.Children, "ended", ended)
	if rep.Phase != scheduler.Failed || rep.Children[scheduler.Succeeded] != 3 || rep.Children[scheduler.Failed] != 2 {
		t.Errorf("it says %+v", rep)
	}
	if !slices.Equal(rep.Failed, []int{1, 3}) {
		t.Errorf("failed: %v", rep.Failed)
	}
}

// someChildren is what --only failed submits: children that do not follow each other, and one alone.
func someChildren(t *testing.T, r Rig) {
	for name, children := range map[string][]int{"some": {3, 8}, "one": {5}, "stepped": {0, 2, 4, 6, 8}} {
		task := r.task("touch-child-" + name)
		task.Children = children
		rep := r.until(t, r.submit(t, task), task.Children, "ended", ended)
		if rep.Phase != scheduler.Succeeded || rep.Children[scheduler.Succeeded] != len(children) {
			t.Errorf("%s: it says %+v", name, rep)
		}
		for place, i := range children {
			if r.Places && len(children) > 1 {
				i = place
			}
			r.there(t, "child-"+name+"."+strconv.Itoa(i))
		}
		if all, err := filepath.Glob(filepath.Join(r.Dir, "child-"+name+".*")); err != nil || len(all) != len(children) {
			t.Errorf("these have run: %v, %v", all, err)
		}
	}
}

func cancelArray(t *testing.T, r Rig) {
	task := r.task("until-term-array")
	task.Children, task.Parallel = []int{0, 1, 2}, 1
	id := r.submit(t, task)
	r.there(t, "until-term-array.begun")
	if rep := r.until(t, id, task.Children, "running", running); rep.Children[scheduler.Waiting] == 0 {
		t.Errorf("no child waits: %+v", rep)
	}
	if err := r.Scheduler.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if rep := r.until(t, id, task.Children, "ended", ended); rep.Children[scheduler.Succeeded] != 0 || rep.Phase != scheduler.Failed {
		t.Errorf("it says %+v", rep)
	}
	r.there(t, "until-term-array.ended")
}
