package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

func onThisMachine(t *testing.T) submitter {
	t.Helper()
	host, dir := testenv.Docker(t), t.TempDir()
	return submitter{t: t, dir: dir, env: testenv.Environ("XDG_STATE_HOME="+filepath.Join(dir, "state"), "DOCKER_HOST="+host)}
}

// appears waits for a file below the submitter's directory.
func (s submitter) appears(name string) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s never comes", name)
		}
	}
}

// pool is the process id of a local job.
func (s submitter) pool(handle string) int {
	s.t.Helper()
	out, _, _ := s.run("status", "--json", handle)
	var st struct{ ID string }
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		s.t.Fatalf("%v: %q", err, out)
	}
	pid, err := strconv.Atoi(s.file(filepath.Join("state/ferry/local/ferry-"+st.ID, "pid")))
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

func (s submitter) record(dir string) (r record.Record) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.file(filepath.Join(dir, ".gp_metadata", record.FileName))), &r); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// Each child of an array has an end of its own: one fails, one is out of memory, one is killed, one has no script's directory, and the
// others are as if they had been alone.
func TestChildrenAlone(t *testing.T) {
	s := onThisMachine(t)
	script := `echo begun > began; case $1 in
		1) exit 7;;
		2) x=a; while :; do x=$x$x; done;;
		3) kill -9 $$;;
		4) rm -rf .gp_metadata/* 2>/dev/null; echo odd;;
		esac; echo "$1" > out; echo said $1`
	out, errs, code := s.run("submit", "--json", "--image", testenv.ModuleImage(t), "--workdir", "many", "--memory", "32m", "--array", "6", "--parallel", "3", "--", "sh", "-c", script, "x", "{index}")
	if !strings.Contains(out, `"failed":[1,2,3]`) || code == 0 {
		t.Fatalf("code %d, %s%s", code, out, errs)
	}
	for i, want := range map[int]string{0: "0 ", 1: "7 ", 2: "137 oom", 3: "137 ", 4: "0 ", 5: "0 "} {
		dir := fmt.Sprintf("many/%d", i)
		r := s.record(dir)
		if got := fmt.Sprintf("%d %s", r.ExitCode, r.Cause); got != want || r.State != record.StateDone || !strings.HasSuffix(r.Job, "."+strconv.Itoa(i)) {
			t.Errorf("child %d: %s, want %s", i, got, want)
		}
		if text := s.file(dir + "/out"); (text == strconv.Itoa(i)+"\n") != (r.ExitCode == 0) {
			t.Errorf("child %d made %q", i, text)
		}
	}
}

// The children's process is killed: those that ran are lost, and so are those that had not begun. What was left in the engine is
// removed by those that are run again, and only these are.
func TestPoolKilled(t *testing.T) {
	s := onThisMachine(t)
	s.env = append(s.env, "TMPDIR="+t.TempDir()) // locks of jobs in place, which no other test is to sweep
	args := []string{"submit", "--detach", "--image", testenv.ModuleImage(t), "--workdir", "many", "--array", "4", "--parallel", "2"}
	_, errs, code := s.run(append(args, "--", "sh", "-c", `echo >> runs; [ {index} = 0 ] || [ $(wc -l < runs) -gt 1 ] || sleep 300`)...)
	if code != 0 {
		t.Fatal(errs)
	}
	handle := "file://" + filepath.Join(s.dir, "many", ".gp_metadata")
	t.Cleanup(func() { // also where the test fails: nobody else ends the job
		cmd := exec.Command(testenv.FerryBinary(t), "cancel", handle)
		cmd.Env = s.env
		_ = cmd.Run()
	})
	s.appears("many/1/runs")
	s.appears("many/2/runs") // so 0 has ended
	if err := syscall.Kill(s.pool(handle), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	out := s.until(handle, "lost")
	if !strings.Contains(out, `"exit_code":null`) || !strings.Contains(out, `"children":{"done":1,"lost":3},"failed":[1,2,3]`) {
		t.Errorf("after the kill: %s", out)
	}
	if s.file("many/3/runs") == "\n" { // it had not begun, and is to end at once when it does
		t.Error("more ran at once than may")
	}
	if err := os.WriteFile(filepath.Join(s.dir, "many", "3", "runs"), []byte("\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := s.run("submit", "--again", handle, "--only", "failed"); code != 0 {
		t.Errorf("again: %d, %s", code, errs)
	}
	if out := s.until(handle, "done"); !strings.Contains(out, `"children":{"done":4}`) {
		t.Errorf("in the end: %s", out)
	}
	if s.file("many/0/runs") != "\n" || s.file("many/1/runs") != "\n\n" {
		t.Errorf("child 0 ran %q, child 1 %q", s.file("many/0/runs"), s.file("many/1/runs"))
	}
	list := testEngine(t)
	found, err := list.List(t.Context(), map[string]string{"ferry.job": ""})
	for _, c := range found {
		if strings.HasPrefix(c.Labels["ferry.owner"], s.env[len(s.env)-1][len("TMPDIR="):]) {
			t.Errorf("left in the engine: %+v", c)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// An engine that needs a process for each job gets one: the module's parent is no process that other children have.
func TestChildrenApart(t *testing.T) {
	s := onThisMachine(t)
	if _, errs, code := s.run("submit", "--engine", "process", "--workdir", "many", "--array", "3", "--", "sh", "-c", `read -r _ _ _ parent _ < /proc/$$/stat; echo $parent > parent; [ {index} != 1 ]`); code == 0 {
		t.Fatal(errs)
	}
	seen := map[string]bool{}
	for i := range 3 {
		seen[s.file(fmt.Sprintf("many/%d/parent", i))] = true
		if r := s.record(fmt.Sprintf("many/%d", i)); (r.ExitCode == 1) != (i == 1) {
			t.Errorf("child %d: %d", i, r.ExitCode)
		}
	}
	if len(seen) != 3 {
		t.Errorf("parents: %v", seen)
	}
}

// The disk that ferry keeps its own words on is full: the children run all the same, and their records tell of them.
func TestPoolOnAFullDisk(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "root, to mount a small file system")
	s := onThisMachine(t)
	full := filepath.Join(s.dir, "state")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", full, "tmpfs", 0, "size=64k,nr_inodes=20"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(full, syscall.MNT_DETACH) })
	out, errs, code := s.run("submit", "--json", "--image", testenv.ModuleImage(t), "--workdir", "many", "--array", "20", "--", "sh", "-c", "echo {index} > out; [ {index} != 3 ]")
	if code != 1 || !strings.Contains(out, `"children":{"done":19,"failed":1},"failed":[3]`) {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	if _, errs, code := s.run("submit", "--image", testenv.ModuleImage(t), "--workdir", "more", "--", "true"); code != 74 || !strings.Contains(errs, "no space") {
		t.Errorf("another job: code %d, %s", code, errs)
	}
}
