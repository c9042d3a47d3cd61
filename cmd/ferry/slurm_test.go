package main

import (
	"encoding/json"
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
	if !strings.Contains(out, `"children":{"done":1,"failed":2},"failed":[1,2]`) {
		t.Errorf("again: %q, %q", out, errs)
	}
	s.throughStore(image)
	s.preempted(image)
}

// throughStore is a job on Slurm whose files are in a store: what is here goes there, and the results come back.
func (s submitter) throughStore(image string) {
	s.t.Helper()
	server := testenv.S3(s.t)
	s.env = append(s.env, server.Env()...)
	if err := os.WriteFile(filepath.Join(s.dir, "in.txt"), []byte("data\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	out, errs, code := s.run("submit", "--to", "slurm", "--wait", "--remote", "s3://"+server.Bucket+"/root", "--local-prefix", filepath.Join(s.dir, "local"),
		"--image", image, "--workdir", "far", "--stdin", "in.txt", "--", "sh", "-c", "cat > got; cat got; test -e ../one || exit 5")
	if code != 5 || out != "data\n" || s.file("far/got") != "data\n" {
		s.t.Errorf("through a store: code %d, %q, %q", code, out, errs)
	}
	stored, err := os.ReadFile(filepath.Join(server.Dir, "root", s.dir, "far", "got"))
	if err != nil || string(stored) != "data\n" {
		s.t.Errorf("the store has %q, %v", stored, err)
	}
}

// preempted is a job that Slurm tells to end, as it does where it needs the node for another one: the module ends, and what it made
// is kept. Nobody cancelled it.
func (s submitter) preempted(image string) {
	s.t.Helper()
	out, errs, code := s.run("submit", "--to", "slurm", "--image", image, "--workdir", "taken", "--", "sh", "-c", "echo half > half.txt; echo begun; sleep 300")
	handle := strings.TrimSpace(out)
	if code != 0 {
		s.t.Fatal(errs)
	}
	s.until(handle, "running")
	for end := time.Now().Add(time.Minute); s.file("taken/half.txt") != "half\n"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("the module never began")
		}
	}
	var file struct{ Task string }
	if err := json.Unmarshal([]byte(s.file("taken/.gp_metadata/job.json")), &file); err != nil {
		s.t.Fatal(err)
	}
	cancel := exec.CommandContext(s.t.Context(), "scancel", "--signal=TERM", "--batch", file.Task)
	cancel.Env = s.env
	if out, err := cancel.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	status := s.until(handle, "failed")
	if !strings.Contains(status, `"exit_code":75,"cause":"interrupted"`) || s.file("taken/half.txt") != "half\n" || s.file("taken/.gp_metadata/stdout.txt") != "begun\n" {
		s.t.Errorf("preempted: %s", status)
	}
}
