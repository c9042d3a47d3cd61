package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// A screen is a terminal on which somebody runs ferry.
type screen struct {
	t    *testing.T
	keys *os.File
	cmd  *exec.Cmd

	mu   sync.Mutex
	text strings.Builder
}

// onScreen starts ferry as a shell does on a terminal: it has the terminal's keys.
func (s submitter) onScreen(args ...string) *screen {
	s.t.Helper()
	keys, tty := terminalPair(s.t)
	c := &screen{t: s.t, keys: keys, cmd: exec.CommandContext(s.t.Context(), testenv.FerryBinary(s.t), args...)}
	c.cmd.Env, c.cmd.Dir = s.env, s.dir
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = tty, tty, tty
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := keys.Read(buf)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.text.Write(buf[:n])
			c.mu.Unlock()
		}
	}()
	return c
}

func (c *screen) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// sees waits until a text is on the screen.
func (c *screen) sees(text string) {
	c.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !strings.Contains(c.shown(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%q is never shown: %q", text, c.shown())
		}
	}
}

func (c *screen) types(keys string) {
	c.t.Helper()
	if _, err := io.WriteString(c.keys, keys); err != nil {
		c.t.Fatal(err)
	}
}

func (c *screen) code() int {
	_ = c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode()
}

// Ctrl-C asks once. Enter alone leaves the job running, as do a second Ctrl-C and words that mean nothing; "c" and "yes" end it.
func TestCtrlC(t *testing.T) {
	host, image := testenv.Docker(t), testenv.ModuleImage(t)
	dir := t.TempDir()
	s := submitter{t: t, dir: dir, env: testenv.Environ("XDG_STATE_HOME="+filepath.Join(dir, "state"), "DOCKER_HOST="+host)}
	for name, c := range map[string]struct{ answer, state, says string }{
		"enter":  {"\n", "running", "goes on: ferry status"},
		"ctrl-c": {"\x03", "running", "goes on: ferry status"},
		"c":      {"c\n", "cancelled", "cancelled"},
		"yes":    {"Yes\n", "cancelled", "cancelled"},
		"words":  {"what?\n", "running", "goes on: ferry status"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			s.t = t
			ferry := s.onScreen("submit", "--image", image, "--workdir", name, "--", "sh", "-c", "echo begun; sleep 300")
			handle := "file://" + filepath.Join(dir, name, ".gp_metadata")
			t.Cleanup(func() { // also where the test fails: nobody else ends the job
				_ = exec.Command(testenv.FerryBinary(t), "cancel", handle).Run()
			})
			ferry.sees("begun")
			ferry.types("\x03")
			ferry.sees("cancel the job")
			ferry.types(c.answer)
			if code := ferry.code(); code != 75 {
				t.Errorf("exit code %d: %q", code, ferry.shown())
			}
			ferry.sees(c.says)
			s.until(handle, c.state)
			if c.state == "running" {
				if _, errs, code := s.run("cancel", handle); code != 0 {
					t.Error(errs)
				}
				s.until(handle, "cancelled")
			}
		})
	}
}

// What is sent is shown on a terminal, on a line that is written over; elsewhere nothing of it is.
func TestProgress(t *testing.T) {
	host, image := testenv.Docker(t), testenv.ModuleImage(t)
	server := testenv.S3(t)
	proxy := testenv.Proxy(t, server.Endpoint)
	proxy.Add(testenv.Rule{Kind: "PutObject", Match: func(r testenv.Request) bool { return strings.HasSuffix(r.Key, ".bin") }, Fault: testenv.Fault{Delay: time.Second}})
	dir := t.TempDir()
	s := submitter{t: t, dir: dir, env: append(testenv.Environ("XDG_STATE_HOME="+filepath.Join(dir, "state"), "DOCKER_HOST="+host), proxy.Via(server).Env()...)}
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "a.bin"), make([]byte, 3<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"submit", "--image", image, "--local-prefix", filepath.Join(dir, "local"), "--input", "in"}
	ferry := s.onScreen(append(args, "--remote", "s3://"+server.Bucket+"/terminal", "--workdir", "one", "--", "true")...)
	if code := ferry.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	ferry.sees("done")
	if text := ferry.shown(); !strings.Contains(text, "/1 files ") || !strings.Contains(text, " / 3.0 MiB ") || !strings.Contains(text, "\x1b[") {
		t.Errorf("the terminal has %q", text)
	}
	out, errs, code := s.run(append(args, "--remote", "s3://"+server.Bucket+"/pipe", "--workdir", "two", "--", "true")...)
	if code != 0 || strings.Contains(out+errs, "\x1b") || strings.Contains(errs, " files, ") {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
}

// What a command reads arrives byte for byte, in place and through a store, and for each child of an array.
func TestStdin(t *testing.T) {
	host, image := testenv.Docker(t), testenv.ModuleImage(t)
	server := testenv.S3(t)
	dir := t.TempDir()
	s := submitter{t: t, dir: dir, env: append(testenv.Environ("XDG_STATE_HOME="+filepath.Join(dir, "state"), "DOCKER_HOST="+host), server.Env()...)}
	data := []byte("no end of line at the end, \x00 zero, \xff\xfe no UTF-8, \r\n $HOME `id` 'quote\n")
	for b := range 1 << 16 {
		data = append(data, byte(b), byte(b>>8))
	}
	name := "it's $1 {in}.bin"
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	for work, more := range map[string][]string{
		"inplace": nil,
		"store":   {"--remote", "s3://" + server.Bucket + "/root", "--local-prefix", filepath.Join(dir, "local")},
		"array":   {"--array", "2"},
	} {
		args := append([]string{"submit", "--image", image, "--workdir", work, "--stdin", name}, more...)
		if _, errs, code := s.run(append(args, "--", "sh", "-c", "cat > got")...); code != 0 {
			t.Errorf("%s: code %d, %q", work, code, errs)
		}
		got := filepath.Join(dir, work, "got")
		if work == "array" {
			got = filepath.Join(dir, work, "1", "got")
		}
		if b, err := os.ReadFile(got); err != nil || !bytes.Equal(b, data) {
			t.Errorf("%s: %d bytes of %d arrive as they are: %v", work, len(b), len(data), err)
		}
	}
	if _, errs, code := s.run("submit", "--image", image, "--stdin", "none", "--", "true"); code != 64 || !strings.Contains(errs, "none") {
		t.Errorf("a file that is not there: code %d, %q", code, errs)
	}
}
