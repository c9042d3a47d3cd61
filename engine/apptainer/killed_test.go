package apptainer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/apptainer"
	"github.com/genepattern/ferry/internal/testenv"
)

// maker is set in a test process that stands for a ferry that is killed. It says what that ferry does.
const maker = "FERRY_TEST_MAKER"

// TestMain is ferry in that process.
func TestMain(m *testing.M) {
	what, dir, _ := strings.Cut(os.Getenv(maker), " ")
	if what == "" {
		os.Exit(m.Run())
	}
	c := apptainer.Config{Path: os.Getenv("PATH"), Home: dir, Cache: filepath.Join(dir, "cache"), Dir: filepath.Join(dir, "node")}
	e := apptainer.New(c)
	if err := make1(e, "docker-archive:"+filepath.Join(dir, "bash.tar"), what == "fill"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// make1 makes an image present, and unless that is all, a container that runs.
func make1(e engine.Engine, ref string, fill bool) error {
	ctx := context.Background()
	img, err := e.Image(ctx, ref, nil)
	if err != nil || fill {
		return err
	}
	c, err := e.Create(ctx, engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000; sleep 1000"}, Network: "none",
		Labels: map[string]string{"ferry.test": "killed"}, Limits: engine.Limits{Memory: 1 << 30}})
	if err != nil {
		return err
	}
	if err := c.Start(ctx, io.Discard, io.Discard); err != nil {
		return err
	}
	fmt.Println("runs", c.ID())
	_, err = c.Wait(ctx)
	return err
}

// ferry starts a process that does what.
func ferry(t *testing.T, what, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "PATH="+testenv.Apptainer(t)+":"+os.Getenv("PATH"), maker+"="+what+" "+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewReader(out)
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// soon waits for something that is about to be.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: did not come about", what)
}

// sleepers are the processes of modules below dir: their mounts name it.
func sleepers(dir string) (all []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/mountinfo")
	for _, s := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(s)))
		mounts, _ := os.ReadFile(s)
		state, _ := os.ReadFile(filepath.Join(filepath.Dir(s), "stat"))
		if strings.Contains(string(mounts), dir+"/node/containers/") && !strings.Contains(string(state), ") Z ") {
			all = append(all, pid)
		}
	}
	return all
}

// TestOutlived kills a ferry. Its module survives, as one of Docker's does. Another ferry finds the container and removes all of it.
func TestOutlived(t *testing.T) {
	const what = "run"
	dir := filepath.Join(userDir(t), what)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	testenv.ModuleArchive(t, dir, testenv.Bash)
	cmd, out := ferry(t, what, dir)
	line, err := out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "runs ") {
		t.Fatalf("%q %v", line, err)
	}
	id := strings.TrimSpace(strings.TrimPrefix(line, "runs "))
	if len(sleepers(dir)) == 0 {
		t.Fatal("the module's processes are not seen")
	}
	e := apptainer.New(config(t, dir))
	find := func() []engine.Found {
		found, err := e.List(t.Context(), map[string]string{"ferry.test": "killed"})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if f := find(); len(f) != 1 || f[0].ID != id || !f[0].Running {
		t.Fatalf("another ferry sees %+v, not that %s runs", f, id)
	}
	kill(t, cmd)
	if f := find(); len(f) != 1 || !f[0].Running {
		t.Errorf("after the kill: %+v", f)
	}
	c, err := e.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := sleepers(dir); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	if f := find(); len(f) != 0 {
		t.Errorf("left: %+v", f)
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/ferry-" + id)
	more, _ := filepath.Glob("/sys/fs/cgroup/*/*/ferry-" + id)
	if all := slices.Concat(groups, more); len(all) > 0 {
		t.Errorf("left: %v", all)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "node", "containers")); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if _, err := e.Attach(t.Context(), id); !errors.Is(err, engine.ErrNoContainer) {
		t.Errorf("Attach afterwards: %v", err)
	}
}

// TestCacheKilled kills a ferry that fills the cache: nothing half is there, and the next one fills it.
func TestCacheKilled(t *testing.T) {
	dir := filepath.Join(userDir(t), "fill")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	archive := testenv.ModuleArchive(t, dir, testenv.Bash)
	making := func() []string {
		all, _ := filepath.Glob(filepath.Join(dir, "cache", ".making-*"))
		return all
	}
	cmd, _ := ferry(t, "fill", dir)
	soon(t, "the cache is being filled", func() bool { return len(making()) == 1 })
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if whole, _ := filepath.Glob(filepath.Join(dir, "cache", "*.sif")); len(whole) > 0 {
		t.Fatalf("%v: it was killed too late for this test", whole)
	}
	e := apptainer.New(config(t, dir))
	img, err := e.Image(t.Context(), "docker-archive:"+archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	if left := making(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if whole, _ := filepath.Glob(filepath.Join(dir, "cache", "*.sif")); len(whole) != 1 || img.ID == "" {
		t.Errorf("the cache holds %v", whole)
	}
}

// TestCacheFilledOnce has several ferries ask for an image that none has. One makes it: a SIF file has an id by chance.
func TestCacheFilledOnce(t *testing.T) {
	dir := filepath.Join(userDir(t), "once")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ref := "docker-archive:" + testenv.ModuleArchive(t, dir, testenv.Sh)
	ids := make(chan string)
	for range 4 {
		e := apptainer.New(config(t, dir))
		go func() {
			img, err := e.Image(t.Context(), ref, nil)
			ids <- fmt.Sprint(img.ID, err)
		}()
	}
	first := <-ids
	for range 3 {
		if id := <-ids; id != first || !strings.HasPrefix(id, "sif:") {
			t.Errorf("%s and %s", first, id)
		}
	}
}
