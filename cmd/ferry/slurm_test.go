package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

// A submitter is ferry on a machine that submits.
type submitter struct {
	t   *testing.T
	env []string
	dir string
}

// run runs ferry, and gives its output, what it said, and its exit code.
func (s submitter) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), testenv.FerryBinary(s.t), args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// until asks for a job's status until it is in the state.
func (s submitter) until(handle, state string) string {
	s.t.Helper()
	var out string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		out, _, _ = s.run("status", "--json", handle)
		if strings.Contains(out, `"state":"`+state+`"`) {
			return out
		}
	}
	s.t.Fatalf("it is never %s: %s", state, out)
	return ""
}

func (s submitter) file(name string) string {
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// onSlurm is a machine that submits to a real Slurm cluster without accounts.
func onSlurm(t *testing.T) submitter {
	t.Helper()
	host := testenv.Docker(t)
	err := lab.SlurmPrograms()
	testenv.Require(t, err == nil, "Slurm (Debian's slurm-wlm and munge), and root to run it")
	cluster, err := lab.StartSlurm(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	dir := t.TempDir()
	return submitter{t: t, dir: dir, env: testenv.Environ("SLURM_CONF="+cluster.Conf, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "DOCKER_HOST="+host)}
}

// Jobs in place on Slurm: exit codes, arrays, and a job that is cancelled while its module runs.
func TestSubmitToSlurm(t *testing.T) {
	s, image := onSlurm(t), testenv.ModuleImage(t)
	dir := s.dir

	out, errs, code := s.run("submit", "--to", "slurm:main", "--wait", "--image", image, "--workdir", "one", "--memory", "64m", "--", "sh", "-c", "echo said; echo made > made.txt; exit 3")
	if code != 3 || out != "said\n" || s.file("one/made.txt") != "made\n" || !strings.Contains(errs, "failed, exit code 3") {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}

	out, errs, code = s.run("submit", "--to", "slurm", "--image", image, "--workdir", "long", "--", "sh", "-c", "echo begun; sleep 100")
	handle := strings.TrimSpace(out)
	if code != 0 || !strings.HasPrefix(handle, "file://") {
		t.Fatalf("code %d, %q, %q", code, out, errs)
	}
	s.until(handle, "running")
	if _, errs, code := s.run("cancel", handle); code != 0 {
		t.Fatal(errs)
	}
	if out := s.until(handle, "cancelled"); !strings.Contains(out, `"exit_code":75`) || s.file("long/.gp_metadata/stdout.txt") != "begun\n" {
		t.Errorf("cancelled: %s", out)
	}

	out, errs, code = s.run("submit", "--to", "slurm", "--wait", "--json", "--image", image, "--workdir", "many", "--array", "3", "--parallel", "2", "--", "sh", "-c", "echo {index} > out; exit {index}")
	if code != 1 || !strings.Contains(out, `"children":{"done":1,"failed":2},"failed":[1,2]`) || s.file("many/2/out") != "2\n" {
		t.Errorf("array: code %d, %q, %q", code, out, errs)
	}
	handle = "file://" + dir + "/many/.gp_metadata"
	out, errs, _ = s.run("submit", "--again", handle, "--only", "failed", "--wait", "--json")
	if !strings.Contains(out, `"failed":[1,2]`) {
		t.Errorf("again: %q, %q", out, errs)
	}
}
