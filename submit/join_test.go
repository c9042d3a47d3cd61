package submit

import (
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/wrapper/record"
)

// rec is a record with these stages, the last of which still runs; or a final one with a code.
func rec(code int, c cause.Cause, stages ...string) *record.Record {
	r := &record.Record{Verdict: record.Verdict{State: record.StateDone, ExitCode: code, Cause: c}}
	if stages != nil {
		r.State, r.ExitCode, r.Cause = record.StateRunning, 70, cause.Internal
	}
	for i, s := range stages {
		st := &record.Stage{Name: s, Outcome: "ok", Start: time.Unix(0, 0)}
		if i < len(stages)-1 {
			st.End = &st.Start
		}
		r.Stages = append(r.Stages, st)
	}
	return r
}

func report(p scheduler.Phase, code int, why string) *scheduler.Report {
	r := &scheduler.Report{Phase: p, Why: why}
	if code >= 0 {
		r.Code = &code
	}
	return r
}

func TestJoin(t *testing.T) {
	for _, c := range []struct {
		about string
		word  word
		state State
		code  int // -1 for none
		says  string
	}{
		{"waits", word{report: report(scheduler.Waiting, -1, "no node is free")}, Queued, -1, "no node is free"},
		{"waits, cancelled", word{report: report(scheduler.Waiting, -1, ""), cancelled: true}, Cancelled, -1, ""},
		{"begins", word{report: report(scheduler.Running, -1, "")}, StagingIn, -1, ""},
		{"stages in", word{report: report(scheduler.Running, -1, ""), record: rec(0, "", "prepare", "stage-in")}, StagingIn, -1, ""},
		{"runs", word{report: report(scheduler.Running, -1, ""), record: rec(0, "", "prepare", "launch", "module")}, Running, -1, ""},
		{"module ended", word{report: report(scheduler.Running, -1, ""), record: rec(0, "", "launch", "module", "clean")}, StagingOut, -1, ""},
		{"stages out", word{report: report(scheduler.Running, -1, ""), record: rec(0, "", "launch", "module", "stage-out")}, StagingOut, -1, ""},
		{"done", word{report: report(scheduler.Succeeded, 0, ""), record: rec(0, "")}, Done, 0, ""},
		{"failed", word{report: report(scheduler.Failed, 3, ""), record: rec(3, "")}, Failed, 3, "exit code 3"},
		{"record is final first", word{report: report(scheduler.Running, -1, ""), record: rec(0, "")}, Done, 0, ""},
		{"scheduler failed, record done", word{report: report(scheduler.Failed, -1, "node down"), record: rec(0, "")}, Done, 0, "node down"},
		{"scheduler succeeded, record failed", word{report: report(scheduler.Succeeded, 0, ""), record: rec(3, "")}, Failed, 3, "scheduler says that the job succeeded"},
		{"cancelled", word{report: report(scheduler.Failed, 75, ""), record: rec(75, cause.Interrupted), cancelled: true}, Cancelled, 75, ""},
		{"stopped by another", word{report: report(scheduler.Failed, 75, ""), record: rec(75, cause.Interrupted)}, Failed, 75, ""},
		{"cancelled too late", word{report: report(scheduler.Succeeded, 0, ""), record: rec(0, ""), cancelled: true}, Done, 0, ""},
		{"cancelled before it began", word{report: report(scheduler.Failed, -1, ""), cancelled: true}, Cancelled, -1, "before ferry began"},
		{"node vanished", word{report: report(scheduler.Failed, -1, "Host EC2 terminated"), record: rec(0, "", "launch", "module")}, Lost, -1, "last known: stage module"},
		{"nothing known", word{report: report(scheduler.Failed, -1, "")}, Lost, -1, "without its record"},
		{"ferry could not begin", word{report: report(scheduler.Failed, 64, "")}, Lost, 64, "exit code 64"},
		{"succeeded without a record", word{report: report(scheduler.Succeeded, 0, "")}, Lost, 0, "no record"},
		{"scheduler silent", word{silence: "no answer"}, Queued, -1, "no answer"},
		{"scheduler silent, record runs", word{silence: "no answer", record: rec(0, "", "launch", "module")}, Running, -1, "no answer"},
		{"scheduler forgot, record done", word{silence: "forgotten", record: rec(0, "")}, Done, 0, ""},
	} {
		o := c.word.join()
		if o.State != c.state || !strings.Contains(o.Message, c.says) || (o.ExitCode == nil) != (c.code < 0) || o.ExitCode != nil && *o.ExitCode != c.code {
			t.Errorf("%s: %+v (code %v), want %s, %d, %q", c.about, o, o.ExitCode, c.state, c.code, c.says)
		}
	}
}

// A job whose node's clock is years off is judged as any other: no time of one clock is compared with one of another.
func TestClocksApart(t *testing.T) {
	for _, year := range []int{1970, 2100} {
		r := rec(0, "")
		r.Started = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		r.Ended = &r.Started
		st := Status{Times: Times{Submitted: time.Now()}}
		st.Outcome = word{report: report(scheduler.Succeeded, 0, ""), record: r}.join()
		st.addRecord(r)
		if st.State != Done || st.Started.Year() != year {
			t.Errorf("%+v", st)
		}
	}
}

func TestArrayState(t *testing.T) {
	for want, n := range map[State]map[State]int{
		Queued:    {Queued: 3},
		Running:   {Queued: 3, Done: 1},
		Done:      {Done: 3},
		Failed:    {Done: 3, Failed: 1},
		Cancelled: {Done: 3, Failed: 1, Cancelled: 1},
		Lost:      {Lost: 1, Done: 2},
	} {
		if got := arrayState(n); got != want {
			t.Errorf("%v is %s, want %s", n, got, want)
		}
	}
	if got := arrayState(map[State]int{StagingOut: 1, Failed: 5}); got != Running {
		t.Errorf("one stages out: %s", got)
	}
}

func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		limit, peak int64
		cause       cause.Cause
		want        string
	}{
		{16 * gib, 3*gib + gib/10, "", "asked 16 GiB, used 3.1 GiB: --memory 4g is enough"},
		{16 * gib, 12 * gib, "", ""},
		{512 << 20, 10 << 20, "", ""},
		{0, gib, "", ""},
		{2 * gib, 2 * gib, cause.OOM, "2 GiB were too little: try --memory 4g"},
		{2 * gib, 0, cause.OOM, "2 GiB were too little: try --memory 4g"},
		{16 * gib, 0, "", ""},
	} {
		if got := suggest(c.limit, c.peak, c.cause); got != c.want {
			t.Errorf("suggest(%d, %d, %q) = %q, want %q", c.limit, c.peak, c.cause, got, c.want)
		}
	}
}

func TestParseRetry(t *testing.T) {
	for s, want := range map[string]Retry{"2x,2": {2, 2}, "1.5x": {1.5, 1}, "2": {2, 1}} {
		if r, err := ParseRetry(s); err != nil || r != want {
			t.Errorf("%q: %+v, %v", s, r, err)
		}
	}
	for _, s := range []string{"", "x", "1x,2", "2x,0", "2x,99", "0.5x,1", "NaNx", "2x,", "Infx,2"} {
		if r, err := ParseRetry(s); err == nil {
			t.Errorf("%q is %+v", s, r)
		}
	}
	if more := (Retry{Factor: 2}).More(3 * gib); more != 6*gib {
		t.Errorf("more than 3 GiB: %d", more)
	}
}
