package local_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/scheduler/local"
	"github.com/genepattern/ferry/scheduler/schedulertest"
	"github.com/genepattern/ferry/submit"
)

// The test binary stands in for ferry.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == local.ServeCommand:
		exe, _ := os.Executable()
		code, err := local.Serve(os.Args[2], local.Runner{
			Job: func(url string) int { return schedulertest.Act(url, "") },
			Child: func(ctx context.Context, url string, index int, log *os.File) int {
				return local.Exec(ctx, exe, url, index, log)
			},
		})
		if err != nil {
			code = 99
		}
		os.Exit(code)
	case len(os.Args) == 6 && os.Args[1] == "run":
		os.Exit(schedulertest.Act(os.Args[3], os.Args[5]))
	}
	os.Exit(m.Run())
}

func machine(t *testing.T) *local.Machine {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &local.Machine{Dir: filepath.Join(t.TempDir(), "state"), Executable: exe, Environ: os.Environ()}
}

func TestLocal(t *testing.T) {
	schedulertest.Run(t, schedulertest.Rig{Scheduler: machine(t), Dir: t.TempDir(), Codes: true, Patience: time.Minute})
}

// A process that was killed has ended, whoever has its number now; and the children that were left have failed.
func TestKilled(t *testing.T) {
	m, dir := machine(t), t.TempDir()
	for name, children := range map[string][]int{"alone": nil, "array": {0, 1}} {
		id, err := m.Submit(t.Context(), scheduler.Task{Name: submit.NewName(), Handle: "file://" + dir + "/until-term-" + name, Children: children, Parallel: 1})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, filepath.Join(dir, "until-term-"+name+".begun"))
		pidFile := filepath.Join(m.Dir, id, "pid")
		data, err := os.ReadFile(pidFile)
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(string(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil { // its session is a group of its own
			t.Fatal(err)
		}
		if err := m.Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.Cancel(t.Context(), id); err != nil { // which must not end this process
			t.Fatal(err)
		}
		r, err := m.Look(t.Context(), id, children)
		if err != nil || r.Phase != scheduler.Failed || r.Code != nil || r.Why == "" || r.Children[scheduler.Failed] != len(children) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// A name is submitted once.
func TestSameName(t *testing.T) {
	m, dir := machine(t), t.TempDir()
	task := scheduler.Task{Name: submit.NewName(), Handle: "file://" + dir + "/exit-0"}
	if _, err := m.Submit(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Submit(t.Context(), task); err == nil {
		t.Error("it was submitted twice")
	}
	if err := m.Wait(t.Context(), task.Name); err != nil {
		t.Error(err)
	}
}

func wait(t *testing.T, name string) {
	t.Helper()
	for range 6000 {
		if _, err := os.Stat(name); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s never came", name)
}
