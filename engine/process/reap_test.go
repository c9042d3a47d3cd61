package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

// asFirst is set for the test that runs as process 1 of a namespace of its own.
const asFirst = "FERRY_TEST_PROCESS_1"

// A module whose processes end without a parent leaves none of them in the table of processes, while it runs and afterwards.
func TestReaps(t *testing.T) {
	if os.Getenv(asFirst) != "" {
		reapsAsFirst(t)
		return
	}
	testenv.Require(t, os.Geteuid() == 0, "root's right to make namespaces")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-test.run", "^TestReaps$", "-test.v")
	cmd.Env = append(os.Environ(), asFirst+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestReaps") {
		t.Errorf("as process 1: %v\n%s", err, out)
	}
}

func reapsAsFirst(t *testing.T) {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	if os.Getpid() != 1 {
		t.Fatalf("this is process %d", os.Getpid())
	}
	ctx := t.Context()
	e := New(os.Environ())
	img, err := e.Image(ctx, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	// Twenty orphans that end at once, then a module that runs on, until it is told that they were looked for.
	script := "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (sh -c : &) ; done; read go; exit 7"
	fifo := t.TempDir() + "/go"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := e.Create(ctx, engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", "exec <" + fifo + "; " + script}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(ctx, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := settle(func() bool { return len(session(c.(*container).process())) == 1 }); err != nil {
		t.Errorf("%v: %+v", err, session(c.(*container).process()))
	}
	if _, err := end.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	exit, err := c.Wait(ctx)
	if err != nil || exit.Code != 7 {
		t.Errorf("the module ended with %+v, %v", exit, err)
	}
	for _, p := range processes() {
		if p.state == "Z" {
			t.Errorf("left: %+v", p)
		}
	}
}

// settle waits until what is asked for is so.
func settle(so func() bool) error {
	for range 200 {
		time.Sleep(20 * time.Millisecond)
		if so() {
			return nil
		}
	}
	return fmt.Errorf("not so after some seconds")
}
