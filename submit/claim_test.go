package submit_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/procid"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
)

// A submitter that was killed is in nobody's way; one that lives is, and one of another machine for an hour.
func TestClaims(t *testing.T) {
	sleeping := exec.Command("sleep", "300")
	if err := sleeping.Start(); err != nil {
		t.Fatal(err)
	}
	other := procid.Me()
	other.PID, other.Start = sleeping.Process.Pid, procid.StartOf(sleeping.Process.Pid)
	far := other
	far.Host, far.Boot = "far", "another"
	for _, c := range []struct {
		name string
		by   procid.ID
		text string
		old  time.Duration
		dies bool
		ok   bool
	}{
		{name: "lives", by: other},
		{name: "far", by: far},
		{name: "far, long since", by: far, old: 2 * time.Hour, ok: true},
		{name: "nonsense", text: "ferry-01020304\n"},
		{name: "killed", by: other, dies: true, ok: true},
	} {
		r := newRig(t)
		content, err := json.Marshal(map[string]any{"name": "ferry-01020304", "user": "ann", "by": c.by})
		if err != nil {
			t.Fatal(err)
		}
		if c.text != "" {
			content = []byte(c.text)
		}
		file := filepath.Join(strings.TrimPrefix(r.remote, "file://"), r.dir, "work/.gp_metadata/job.json.ferry-01020304")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-c.old)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
		if c.dies {
			_ = sleeping.Process.Kill()
			_ = sleeping.Wait()
		}
		_, err = r.Submit(t.Context(), r.order("work"))
		switch {
		case c.ok && err != nil, !c.ok && (cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), "job.json.ferry-01020304") || !strings.Contains(cause.HintOf(err), "remove")):
			t.Errorf("%s: %v, hint %q", c.name, err, cause.HintOf(err))
		case !c.ok && c.text == "" && !strings.Contains(err.Error(), "ann on "+c.by.Host):
			t.Errorf("%s: %v does not say who", c.name, err)
		}
	}
}

// Of those who run a job again at the same time at most one does, also where one looked before the other had begun.
func TestAgainTwice(t *testing.T) {
	r := newRig(t)
	st := r.mustSubmit(r.order("work"))
	r.desk.report = scheduler.Report{Phase: scheduler.Failed}
	again := submit.Repeat{Ref: st.Handle, Describe: describe}
	first := again
	describes := 0
	first.Describe = func(s job.Settings) (job.Job, error) { // it has looked at the job, and claims nothing yet
		if describes++; describes == 1 {
			if _, err := r.Again(t.Context(), again); err != nil {
				t.Error(err)
			}
		}
		return describe(s)
	}
	if _, err := r.Again(t.Context(), first); cause.Of(err) != cause.Usage || len(r.desk.tasks) != 2 {
		t.Errorf("%d tasks, %v", len(r.desk.tasks), err)
	}
}
