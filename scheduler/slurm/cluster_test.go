package slurm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/scheduler/schedulertest"
	"github.com/genepattern/ferry/scheduler/slurm"
	"github.com/genepattern/ferry/submit"
)

// The test binary stands in for ferry.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "run" {
		os.Exit(schedulertest.Act(os.Args[3], os.Getenv("SLURM_ARRAY_TASK_ID")))
	}
	os.Exit(m.Run())
}

// cluster is a real one: slurmctld and slurmd on this machine.
func cluster(t *testing.T) *slurm.Cluster {
	t.Helper()
	err := lab.SlurmPrograms()
	testenv.Require(t, err == nil, "Slurm (Debian's slurm-wlm and munge), and root to run it")
	s, err := lab.StartSlurm(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return at(t, s.Conf)
}

func at(t *testing.T, conf string) *slurm.Cluster {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &slurm.Cluster{Host: scheduler.Host{Executable: exe, State: t.TempDir(), Environ: testenv.Environ("SLURM_CONF=" + conf)}}
}

func TestSlurm(t *testing.T) {
	c := cluster(t)
	dead := filepath.Join(t.TempDir(), "slurm.conf")
	data, err := os.ReadFile(strings.TrimPrefix(c.Host.Environ[len(c.Host.Environ)-1], "SLURM_CONF="))
	if err != nil {
		t.Fatal(err)
	}
	nobody := strings.Replace(string(data), "SlurmctldPort=", "SlurmctldTimeout=1\nMessageTimeout=2\nSlurmctldPort=1\n#", 1)
	if err := os.WriteFile(dead, []byte(nobody), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	schedulertest.Run(t, schedulertest.Rig{Scheduler: c, Silent: at(t, dead), Dir: dir, Codes: true, Patience: 2 * time.Minute,
		Busy: func(t *testing.T) func() {
			id, err := c.Submit(t.Context(), scheduler.Task{Name: submit.NewName(), Handle: "file://" + dir + "/until-term-busy", Needs: scheduler.Needs{CPUs: 2}})
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := c.Cancel(t.Context(), id); err != nil {
					t.Error(err)
				}
			}
		}})

	t.Run("partitions", func(t *testing.T) {
		c := &slurm.Cluster{Partition: "nosuch", Host: c.Host}
		_, err := c.Submit(t.Context(), scheduler.Task{Name: submit.NewName(), Handle: "file://" + dir + "/exit-0"})
		if cause.Of(err) != cause.Usage || cause.HintOf(err) != "there are the partitions main, other" {
			t.Errorf("%v, hint %q", err, cause.HintOf(err))
		}
	})
	t.Run("never", func(t *testing.T) { // a reason why it waits, in words
		_, err := c.Submit(t.Context(), scheduler.Task{Name: submit.NewName(), Handle: "file://" + dir + "/exit-0", Needs: scheduler.Needs{Memory: 1 << 50}})
		if err == nil {
			t.Error("more memory than there is: it was taken")
		}
	})
}
