package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

// A shellJob is a job of a person at a shell: the binary, a store in a directory, and an engine.
type shellJob struct {
	t          *testing.T
	dir, work  string
	cmd        *exec.Cmd
	engineArgs []string
}

// shellEngines are the engines that such a job is tried with.
func shellEngines(t *testing.T) map[string][]string {
	return map[string][]string{"process": {"--engine", "process"}, "docker": {"--image", testenv.ModuleImage(t), "--network", "none"}}
}

// newShellJob makes a job of a script. wrap is a command to run ferry by.
func newShellJob(t *testing.T, engineArgs []string, script string, wrap ...string) *shellJob {
	t.Helper()
	j := &shellJob{t: t, dir: t.TempDir(), engineArgs: engineArgs}
	j.work = filepath.Join(j.dir, "w") // the process engine makes a link of this name on the node
	j.write("store"+j.work+"/.gp_metadata/exec.sh", script)
	host := testenv.Docker(t)
	args := slices.Concat(wrap, []string{testenv.FerryBinary(t), "run", "--remote", filepath.Join(j.dir, "store"), "--workdir", j.work,
		"--local-prefix", filepath.Join(j.dir, "local"), "--job-id", "shell" + filepath.Base(j.dir)}, engineArgs)
	j.cmd = exec.Command(args[0], args[1:]...)
	j.cmd.Env = testenv.Environ("DOCKER_HOST=" + host)
	return j
}

func (j *shellJob) write(name, text string) {
	j.t.Helper()
	name = filepath.Join(j.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		j.t.Fatal(err)
	}
}

// start starts ferry, which is killed if it does not end.
func (j *shellJob) start() {
	j.t.Helper()
	if err := j.cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	late := time.AfterFunc(2*time.Minute, func() { _ = j.cmd.Process.Kill() })
	j.t.Cleanup(func() { late.Stop(); _ = j.cmd.Process.Kill() })
}

// begun waits until the module has written the file into its working dir.
func (j *shellJob) begun(name string) {
	j.t.Helper()
	for late := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(j.dir, "local/*.1"+j.work, name)); len(found) > 0 {
			return
		}
		if time.Now().After(late) {
			j.t.Fatalf("the module did not write %s", name)
		}
	}
}

// ended checks how ferry ended: the process, the record and the result r.txt agree. result is "" where there is none.
func (j *shellJob) ended(code int, result string) record.Record {
	j.t.Helper()
	_ = j.cmd.Wait()
	if got := j.cmd.ProcessState.ExitCode(); got != code {
		j.t.Errorf("ferry ended with %v, want %d", j.cmd.ProcessState, code)
	}
	var r record.Record
	data, err := os.ReadFile(filepath.Join(j.dir, "store"+j.work, ".gp_metadata/run.json"))
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || r.State != record.StateDone || r.ExitCode != code {
		j.t.Errorf("the record says %d, state %q, %v", r.ExitCode, r.State, err)
	}
	if got, err := os.ReadFile(filepath.Join(j.dir, "store"+j.work, "r.txt")); string(got) != result || err != nil && result != "" {
		j.t.Errorf("the result is %q, %v", got, err)
	}
	if left, err := os.ReadDir(filepath.Join(j.dir, "local")); err == nil && len(left) > 0 {
		j.t.Errorf("left on the node: %v", left)
	}
	return r
}

// talks is a module that says much while it works.
const talks = "echo begun > begun\ni=0\nwhile [ $i -lt 300 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done\nsleep 1\necho more\necho done > r.txt\n"

// `ferry run | head`: the reader goes away while the module talks. The job ends as ever.
func TestClosedOutput(t *testing.T) {
	for name, engine := range shellEngines(t) {
		for what, both := range map[string]bool{"stdout": false, "both": true} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				j := newShellJob(t, engine, talks)
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				j.cmd.Stdout = w
				if both {
					j.cmd.Stderr = w
				}
				j.start()
				_ = w.Close()
				if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
					t.Error(err)
				}
				_ = r.Close()
				j.ended(0, "done\n")
			})
		}
	}
}

// Stdout and stderr are closed before ferry begins, in both senses: no descriptor at all, and a pipe without a reader.
func TestNoOutputAtAll(t *testing.T) {
	for name, engine := range shellEngines(t) {
		for what, wrap := range map[string][]string{"no descriptors": {"/bin/sh", "-c", `exec "$@" >&- 2>&-`, "sh"}, "no reader": nil} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				j := newShellJob(t, engine, talks, wrap...)
				if wrap == nil {
					r, w, err := os.Pipe()
					if err != nil {
						t.Fatal(err)
					}
					_ = r.Close()
					j.cmd.Stdout, j.cmd.Stderr = w, w
				}
				j.start()
				j.ended(0, "done\n")
			})
		}
	}
}

// A reader that stands still, as a pager does, neither stops the module for ever nor keeps ferry from heeding a TERM.
func TestStandingReader(t *testing.T) {
	const much = "echo partial > r.txt\necho begun > begun\ni=0\nwhile [ $i -lt 40000 ]; do echo 'line of some length to fill the pipe and the buffer'; i=$((i+1)); done\nsleep 100 & wait\n"
	for name, engine := range shellEngines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newShellJob(t, engine, much)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			j.cmd.Stdout, j.cmd.Stderr = w, w
			j.start()
			_ = w.Close()
			j.begun("begun")
			time.Sleep(time.Second) // the pipe and the buffer fill up
			if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			j.ended(75, "partial\n")
		})
	}
}

// A closed terminal, and Ctrl-C with a reader that dies of it: HUP and INT stop the job, and its results are stored though
// nobody reads any more.
func TestHangUp(t *testing.T) {
	const waits = "echo partial > r.txt\necho begun > begun\nwhile :; do echo talking; sleep 0.1; done\n"
	for name, engine := range shellEngines(t) {
		for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
			t.Run(name+"/"+sig.String(), func(t *testing.T) {
				t.Parallel()
				// Under nohup this process ignores HUP, and its children would too.
				j := newShellJob(t, engine, waits, "/usr/bin/env", "--default-signal=HUP,INT")
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				j.cmd.Stdout, j.cmd.Stderr = w, w
				j.start()
				_ = w.Close()
				go func() { _, _ = io.Copy(io.Discard, r) }()
				j.begun("begun")
				_ = r.Close()
				if err := j.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				rec := j.ended(75, "partial\n")
				if !strings.Contains(rec.Error, sig.String()) {
					t.Errorf("the record says %q", rec.Error)
				}
			})
		}
	}
}

// nohup: HUP stays ignored.
func TestNohup(t *testing.T) {
	j := newShellJob(t, []string{"--engine", "process"}, "echo begun > begun\nsleep 1\necho done > r.txt\n", "/bin/sh", "-c", `trap '' HUP; exec "$@"`, "sh")
	j.start()
	j.begun("begun")
	if err := j.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	j.ended(0, "done\n")
}

// A signal before the job is known: ferry reads its description when it comes. The store is told where the description comes soon, and
// who waits at a terminal for one that does not come gets away.
func TestSignalBeforeTheJobIsKnown(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			j := newShellJob(t, []string{"--engine", "process"}, "echo it ran > r.txt\n", "/usr/bin/env", "--default-signal=HUP,INT")
			fifo := j.describedBy(t)
			j.start()
			job, err := os.OpenFile(fifo, os.O_WRONLY, 0) // until ferry reads it
			if err != nil {
				t.Fatal(err)
			}
			if err := j.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			if _, err := job.WriteString("user-id: late\n"); err != nil {
				t.Error(err)
			}
			if err := job.Close(); err != nil {
				t.Error(err)
			}
			rec := j.ended(75, "")
			if !strings.Contains(rec.Error, sig.String()) {
				t.Errorf("the record says %q", rec.Error)
			}
		})
	}
	t.Run("no description", func(t *testing.T) {
		t.Parallel()
		j := newShellJob(t, []string{"--engine", "process"}, "true\n")
		fifo := j.describedBy(t)
		j.start()
		job, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = job.Close() }()
		if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = j.cmd.Wait()
		if got := j.cmd.ProcessState.ExitCode(); got != 75 {
			t.Errorf("ferry ended with %v, want 75", j.cmd.ProcessState)
		}
	})
}

// What is no job, and a dry run, dies of a signal at once.
func TestSignalToADryRun(t *testing.T) {
	j := newShellJob(t, []string{"--engine", "process", "--dry-run"}, "true\n", "/usr/bin/env", "--default-signal=INT")
	fifo := j.describedBy(t)
	j.start()
	job, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = job.Close() }()
	if err := j.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = j.cmd.Wait()
	if st, ok := j.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != syscall.SIGINT {
		t.Errorf("ferry ended with %v", j.cmd.ProcessState)
	}
}

// describedBy makes a pipe from which ferry reads the job's description.
func (j *shellJob) describedBy(t *testing.T) string {
	t.Helper()
	fifo := filepath.Join(j.dir, "job.yaml")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	j.cmd.Args = append(j.cmd.Args, "--job", fifo)
	return fifo
}

// Two children of one AWS Batch array job, at the same time on one node: each has its own directories. Without them both are refused,
// and nothing is run.
func TestArrayOnOneNode(t *testing.T) {
	const script = "echo begun > begun\nsleep 1\necho \"child $PART\" > r.txt\n"
	store := t.TempDir()
	start := func(index, workdir string, more ...string) *shellJob {
		j := newShellJob(t, nil, "", "/usr/bin/env", "AWS_BATCH_JOB_ID=1b2c:"+index, "AWS_BATCH_JOB_ARRAY_INDEX="+index)
		j.dir = store
		j.write("store/code/exec.sh", script)
		args := append([]string{"--remote", filepath.Join(store, "store"), "--workdir", workdir, "--local-prefix", filepath.Join(store, "local"),
			"--image", testenv.ModuleImage(t), "--network", "none", "--input", "/code", "--exec", "/code/exec.sh", "--env", "PART={index}"}, more...)
		at := slices.Index(j.cmd.Args, "run")
		j.cmd.Args = append(j.cmd.Args[:at+1:at+1], args...)
		j.cmd.Stderr = os.Stderr
		j.start()
		return j
	}
	all := []*shellJob{start("0", "/jobs/7/{index}"), start("1", "/jobs/7/{index}")}
	for i, j := range all {
		j.work = "/jobs/7/" + string(rune('0'+i))
		_ = j.cmd.Wait()
		if code := j.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("child %d ended with %d", i, code)
		}
		if got, err := os.ReadFile(filepath.Join(store, "store", j.work, "r.txt")); err != nil || string(got) != "child "+string(rune('0'+i))+"\n" {
			t.Errorf("child %d has the result %q, %v", i, got, err)
		}
	}
	j := start("2", "/jobs/8")
	_ = j.cmd.Wait()
	if code := j.cmd.ProcessState.ExitCode(); code != 64 {
		t.Errorf("a child without a working dir of its own ended with %d", code)
	}
	if _, err := os.Stat(filepath.Join(store, "store/jobs/8/r.txt")); err == nil {
		t.Error("it was run")
	}
}
