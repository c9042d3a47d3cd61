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
