package slurm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/scheduler"
)

func TestIndices(t *testing.T) {
	for text, want := range map[string][]int{
		"3": {3}, "0-2": {0, 1, 2}, "4-10:2%2": {4, 6, 8, 10}, "1,5-7,20-31:5%3": {1, 5, 6, 7, 20, 25, 30}, "": nil, "N/A": nil, "5-x": nil, "1-9:0": nil, "1-9:-1": nil,
	} {
		if got := (task{map[string]string{"ArrayTaskId": text}}).indices(); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// said makes commands of Slurm that print a text, and end with a code.
func said(t *testing.T, commands map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range commands {
		text, code, _ := strings.Cut(text, "\x00")
		if code == "" {
			code = "0"
		}
		script := fmt.Sprintf("#!/bin/sh\n[ \"$SLURM_BITSTR_LEN\" = 0 ] || exit 9\ncat <<'END'\n%s\nEND\nexit %s\n", text, code)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// A cluster writes children that wait with a step, and forgets those that ended some minutes ago, each by itself. Accounting knows them,
// where there is one; else the scheduler is silent about them, and has not said that they succeeded.
func TestLookAtArray(t *testing.T) {
	children := []int{0, 2, 4, 6, 8}
	waits := "JobId=7 ArrayJobId=7 ArrayTaskId=4-8:2%1 JobName=x JobState=PENDING Reason=JobArrayTaskLimit"
	ended := "JobId=7 ArrayJobId=7 ArrayTaskId=8 JobName=x JobState=COMPLETED"
	for _, c := range []struct {
		about, scontrol, sacct string
		phase                  scheduler.Phase
		counts                 string
		silent, failed         []int
	}{
		{"some wait", waits, "\x001", scheduler.Running, "map[waiting:3]", []int{0, 2}, nil},
		{"the last is known", ended, "\x001", scheduler.Succeeded, "map[succeeded:1]", []int{0, 2, 4, 6}, nil},
		{"accounting knows all", ended, "7_0|COMPLETED|0:0|x|x|n|0\n7_2|FAILED|1:0|x|x|n|0\n7_[4,6]|CANCELLED by 0|0:0|x|x|n|0\n7_8|FAILED|1:0|x|x|n|0", scheduler.Failed, "map[failed:3 succeeded:2]", nil, []int{2, 4, 6}},
	} {
		said(t, map[string]string{"scontrol": c.scontrol, "sacct": c.sacct})
		r, err := (&Cluster{Host: scheduler.Host{Environ: os.Environ()}}).Look(t.Context(), "7", children)
		if err != nil || r.Phase != c.phase || fmt.Sprint(r.Children) != c.counts || !slices.Equal(r.Silent, c.silent) || !slices.Equal(r.Failed, c.failed) {
			t.Errorf("%s: %+v, %v", c.about, r, err)
		}
	}
}

// The forms of JSON that versions of Slurm have say the same as the text.
func TestJSON(t *testing.T) {
	forms := map[string]string{
		"22.05": `{"jobs": [
			{"array_job_id": 3, "array_task_id": 0, "array_task_string": "", "batch_host": "vm", "end_time": 1795896814, "exit_code": 768, "job_id": 4, "job_state": "FAILED", "restart_cnt": 1, "start_time": 1795896810, "state_reason": "NonZeroExitCode"},
			{"array_job_id": 3, "array_task_id": 1, "array_task_string": "", "batch_host": "vm", "end_time": 1795896814, "exit_code": 0, "job_id": 5, "job_state": "COMPLETED", "restart_cnt": 0, "start_time": 1795896810, "state_reason": "None"},
			{"array_job_id": 3, "array_task_id": null, "array_task_string": "3,6,9%1", "batch_host": "", "end_time": 0, "exit_code": 0, "job_id": 3, "job_state": "PENDING", "restart_cnt": 0, "start_time": 0, "state_reason": "JobArrayTaskLimit"}]}`,
		"24.05": `{"jobs": [
			{"array_job_id": {"set": true, "infinite": false, "number": 3}, "array_task_id": {"set": true, "infinite": false, "number": 0}, "array_task_string": "", "batch_host": "vm", "end_time": {"set": true, "number": 1795896814}, "exit_code": {"status": ["ERROR"], "return_code": {"set": true, "number": 3}, "signal": {"id": {"set": false, "number": 0}, "name": ""}}, "job_id": 4, "job_state": ["FAILED"], "restart_cnt": 1, "start_time": {"set": true, "number": 1795896810}, "state_reason": "NonZeroExitCode"},
			{"array_job_id": {"set": true, "number": 3}, "array_task_id": {"set": true, "number": 1}, "array_task_string": "", "batch_host": "vm", "end_time": {"set": true, "number": 1795896814}, "exit_code": {"status": ["SUCCESS"], "return_code": {"set": true, "number": 0}, "signal": {"id": {"set": false, "number": 0}}}, "job_id": 5, "job_state": ["COMPLETED"], "restart_cnt": 0, "start_time": {"set": true, "number": 1795896810}, "state_reason": "None"},
			{"array_job_id": {"set": true, "number": 3}, "array_task_id": {"set": false, "number": 0}, "array_task_string": "3,6,9%1", "batch_host": "", "end_time": {"set": true, "number": 0}, "exit_code": {"status": ["SUCCESS"], "return_code": {"set": true, "number": 0}}, "job_id": 3, "job_state": ["PENDING"], "restart_cnt": 0, "start_time": {"set": false, "number": 0}, "state_reason": "JobArrayTaskLimit"}]}`,
	}
	for version, text := range forms {
		said(t, map[string]string{"scontrol": text})
		c := &Cluster{Host: scheduler.Host{Environ: os.Environ()}}
		r, err := c.Look(t.Context(), "3", []int{0, 1, 3, 6, 9})
		if err != nil || r.Phase != scheduler.Running || fmt.Sprint(r.Children) != "map[failed:1 succeeded:1 waiting:3]" || !slices.Equal(r.Failed, []int{0}) || r.Started.Unix() != 1795896810 || r.Silent != nil || r.Reclaims != 1 || !strings.Contains(r.Why, "JobArrayTaskLimit") {
			t.Errorf("%s: %+v, %v", version, r, err)
		}
		tasks, err := c.tasks(t.Context(), "3")
		if err != nil {
			t.Fatal(err)
		}
		if one := tasks[0].report(); one.Code == nil || *one.Code != 3 || one.Place != "vm" || one.Ended.Unix() != 1795896814 {
			t.Errorf("%s: %+v", version, one)
		}
	}
	for _, odd := range []string{"", "{}", `{"jobs": [{"job_id": 1}]}`, `{"jobs": [{"job_id": {"set": false}, "job_state": ["FAILED"]}]}`, `{"jobs": [{"job_state": {}, "job_id": 1}]}`, "JobId=3 JobState=FAILED"} {
		said(t, map[string]string{"scontrol": odd})
		if all, ok := (&Cluster{Host: scheduler.Host{Environ: os.Environ()}}).jsonTasks(t.Context(), "3"); ok {
			t.Errorf("%q: %v", odd, all)
		}
	}
}
