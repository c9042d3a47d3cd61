package wrapper_test

import (
	"os"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/process"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
	"github.com/genepattern/ferry/wrapper"
)

// here describes a job in ferry's own container, whose directories lie below a test's.
func (s *rig) here(dir string, more ...string) job.Job {
	s.t.Helper()
	set := job.Settings{}
	all := append([]string{"remote", s.store, "engine", job.EngineProcess, "workdir", dir, "local-prefix", s.local, "job-id", "t1"}, more...)
	for i := 0; i < len(all); i += 2 {
		set[all[i]] = job.Setting{Values: []string{all[i+1]}, From: "--" + all[i]}
	}
	j, err := jobtest.Words.Describe(set, os.LookupEnv)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

// What an engine does not enforce is warned of where it bounds the module, and the record says what held.
func TestLimitsThatDoNotHold(t *testing.T) {
	s := newRig(t)
	dir := t.TempDir() + "/jobs"
	s.put(dir+"/.gp_metadata/exec.sh", "echo x > r.txt\n")
	d := s.deps()
	d.Engine = process.New(os.Environ())
	out := wrapper.Run(t.Context(), t.Context(), s.here(dir, "memory", "64m", "cpus", "1"), d)
	s.nothingLeft()
	if out.Code != 0 {
		t.Fatalf("%+v", out)
	}
	text := s.get(dir + "/.gp_metadata/run.json")
	r := s.parse(text)
	if r.Limits != (engine.Limits{}) {
		t.Errorf("the record says that these limits held: %+v", r.Limits)
	}
	for _, flag := range []string{"--memory", "--cpus"} {
		if !strings.Contains(strings.Join(r.Warnings, "\n"), "does not enforce "+flag) {
			t.Errorf("no warning of %s: %q", flag, r.Warnings)
		}
	}
	if !strings.Contains(text, `"enforces": []`) {
		t.Errorf("run.json does not say what is enforced:\n%s", text)
	}
}

// What protects somebody and is not enforced is refused before anything is made, and those who wait are told.
func TestProtectionThatDoesNotHold(t *testing.T) {
	for flag, value := range map[string]string{"network": "none", "read-only-inputs": "true"} {
		t.Run(flag, func(t *testing.T) {
			s := newRig(t)
			dir := t.TempDir() + "/jobs"
			s.put(dir+"/.gp_metadata/exec.sh", "echo x > r.txt\n")
			d := s.deps()
			d.Engine = process.New(os.Environ())
			out := wrapper.Run(t.Context(), t.Context(), s.here(dir, flag, value), d)
			s.nothingLeft()
			if out.Code != 66 || out.Cause != cause.Refused || !strings.Contains(out.Err.Error(), "--"+flag) {
				t.Errorf("%+v", out)
			}
			if r := s.parse(s.get(dir + "/.gp_metadata/run.json")); r.ExitCode != 66 || s.get(dir+"/r.txt") != "" {
				t.Errorf("run.json says %d; result %q", r.ExitCode, s.get(dir+"/r.txt"))
			}
		})
	}
}

// An engine that enforces limits is recorded to have done so.
func TestLimitsThatHold(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	r := s.ended(s.run(s.job(testenv.ModuleImage(t), "memory", "64m", "pids", "100")), 0, cause.None)
	if r.Limits.Memory != 64<<20 || r.Limits.PIDs != 100 || !r.Engine.Enforces.Memory || !r.Engine.Enforces.PIDs || len(r.Warnings) != 0 {
		t.Errorf("limits %+v, engine %+v, warnings %q", r.Limits, r.Engine, r.Warnings)
	}
}
