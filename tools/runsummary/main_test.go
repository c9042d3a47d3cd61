package main

import (
	"strings"
	"testing"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/record"
)

func TestWrite(t *testing.T) {
	start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	end := start.Add(3 * time.Second)
	r := &record.Record{
		Subject: record.Subject{Job: "7", Attempt: 2},
		Verdict: record.Verdict{Started: start, Ended: &end},
		Stages: []*record.Stage{
			{Name: "stage-in", Start: start.Add(time.Second), Seconds: 0.5, Outcome: "ok"},
			{Name: "module", Start: start.Add(2 * time.Second), Outcome: "running"},
		},
		Transfers: map[string]ferrysync.Stats{"stage-in": {Files: 3, Bytes: 1536, Requests: 4}},
		Warnings:  []string{"look here"},
	}
	var out strings.Builder
	if err := write(&out, r); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"job 7, attempt 2 exit code 0 (the module ended by itself)",
		"stage-in +1.00 0.50 ok 3 1.5 KiB 4 0 module +2.00 0.00 running all 3.00",
		"warning: look here",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestSummarizeRefusals(t *testing.T) {
	for _, path := range []string{"/nonexistent", "main_test.go"} {
		if err := summarize(path, new(strings.Builder)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("for %q: %v", path, err)
		}
	}
}
