package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/ftp"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

// endlessModule is a module that says when it has begun, and does not end.
func endlessModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	manifest := fmt.Sprintf("name=Endless\ncommandLine=sh -c \"echo so far > result.txt; echo it has begun; sleep 10000\"\njob.docker.image=%s\n", testenv.ModuleImage(t))
	if err := os.WriteFile(filepath.Join(dir, "manifest"), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// containersOf are the containers of a job.
func containersOf(t *testing.T, job string) string {
	t.Helper()
	cmd := exec.Command("docker", "ps", "-a", "--filter", "name="+job, "--format", "{{.Names}}")
	cmd.Env = testenv.Environ("DOCKER_HOST=" + testenv.Docker(t))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// interrupt stops a ferry as Ctrl-C does in a pipeline: the signal comes more than once. It gives the exit code.
func interrupt(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) int {
	t.Helper()
	for range 2 {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// A person who stops a module's run finds its results so far, a record that says so, and no container.
func TestModuleStopped(t *testing.T) {
	t.Parallel()
	dir := endlessModule(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			work := filepath.Join(t.TempDir(), "job")
			id := "stopped-" + sig.String()
			cmd := exec.Command(testenv.FerryBinary(t), "module", "run", dir, "--workdir", work, "--network", "none", "--job-id", id)
			cmd.Env = testenv.Environ("DOCKER_HOST="+testenv.Docker(t), "TMPDIR="+t.TempDir())
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "it has begun\n" {
				t.Errorf("%q, %v", line, err)
			}
			if code := interrupt(t, cmd, sig); code != 75 {
				t.Errorf("exit code %d", code)
			}
			if got, err := os.ReadFile(filepath.Join(work, "result.txt")); string(got) != "so far\n" {
				t.Errorf("result.txt: %q, %v", got, err)
			}
			if got, err := os.ReadFile(filepath.Join(work, metadataDir, record.FileName)); err != nil || !strings.Contains(string(got), `"cause": "interrupted"`) {
				t.Errorf("run.json: %s, %v", got, err)
			}
			if left := containersOf(t, id); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// A stop of the tests stops the cases that run, begins no other, and leaves nothing.
func TestModuleTestStopped(t *testing.T) {
	t.Parallel()
	dir, tmp := endlessModule(t), t.TempDir()
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("case%d.yml", i)), []byte(fmt.Sprintf("name: case%d\nassertions: {}\n", i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(testenv.FerryBinary(t), "module", "test", dir, dir, "--parallel", "1", "--network", "none", "--job-id", "stopped-test")
	cmd.Env = testenv.Environ("DOCKER_HOST="+testenv.Docker(t), "TMPDIR="+tmp)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begun := func() bool {
		all, _ := filepath.Glob(filepath.Join(tmp, "ferry-test-*", "*", "result.txt"))
		return len(all) > 0
	}
	for end := time.Now().Add(time.Minute); !begun() && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if code := interrupt(t, cmd, syscall.SIGTERM); code != 75 {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(out.String(), "it was not run: told to stop"); n != 3 {
		t.Errorf("%s", out.String())
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "ferry-test-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if left := containersOf(t, "stopped-test"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// A module's zip whose server goes on for ever, or says nothing more, is given up at a signal, and nothing of it stays.
func TestFetchStopped(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20))
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	for _, args := range [][]string{{"show"}, {"run", "--workdir", "job"}} {
		tmp := t.TempDir()
		cmd := exec.Command(testenv.FerryBinary(t), append(append([]string{"module"}, args...), server.URL+"/x.zip")...)
		cmd.Env, cmd.Dir = testenv.Environ("TMPDIR="+tmp, "HOME="+tmp), tmp
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-begun
		if code := interrupt(t, cmd, syscall.SIGINT); code != 75 {
			t.Errorf("%v: exit code %d", args, code)
		}
		if left, _ := os.ReadDir(tmp); len(left) > 0 {
			t.Errorf("%v: left: %v", args, left)
		}
	}
}

// An FTP server that says nothing is given up. What is larger than it may be is, too.
func TestPatience(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	u := &url.URL{Scheme: "ftp", Host: silent.Addr().String(), Path: "/pub"}
	err = ftp.List(t.Context(), patientDial(new(net.Dialer).DialContext, 50*time.Millisecond), u, func(io.Reader) error { return nil })
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := io.Copy((fetcher{limit: 1 << 20}).bounded(io.Discard), strings.NewReader(strings.Repeat("x", 1<<20+1))); err == nil || err.Error() != "it is larger than 1MiB" {
		t.Errorf("%v", err)
	}
}
