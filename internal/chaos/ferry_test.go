package chaos

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// A ferry is one that runs a job.
type ferry struct {
	s    *scene
	name string // of its container, "" on the host
	cmd  *exec.Cmd
	done chan struct{}

	codeUnknown bool // the docker command could not tell ferry's exit code

	mu   sync.Mutex
	text bytes.Buffer  // all it says
	more chan struct{} // closed and renewed with each write
}

func (f *ferry) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(p)
	close(f.more)
	f.more = make(chan struct{})
	return len(p), nil
}

func (f *ferry) said() (string, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String(), f.more
}

// jobFlags are those of every job; given ones come after, and win where a flag stands alone.
func (s *scene) jobFlags(more []string) []string {
	own := map[string]string{
		"--remote": s.remote(), "--image": testenv.ModuleImage(s.t), "--workdir": workdir, "--job-id": s.id,
		"--network": "none", "--log-level": "", "--user-id": userID,
	}
	flags := []string{"--log-level", "debug", "run", "--input", input, "--input", private}
	for name, v := range own {
		if v != "" && !slices.Contains(more, name) {
			flags = append(flags, name, v)
		}
	}
	return append(flags, more...)
}

// start begins the job.
func (s *scene) start(flags ...string) *ferry {
	s.t.Helper()
	f := s.command(s.jobFlags(flags)...)
	if s.unread {
		r, w, err := os.Pipe()
		if err != nil {
			s.t.Fatal(err)
		}
		_ = r.Close()
		defer func() { _ = w.Close() }()
		f.cmd.Stdout, f.cmd.Stderr = w, w
	}
	s.begin(f)
	return f
}

// begin starts a ferry, and sees to its end.
func (s *scene) begin(f *ferry) {
	s.t.Helper()
	if err := f.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(f.done)
		_ = f.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		if f.name != "" {
			_, _ = s.tryDocker("rm", "-f", f.name)
		}
		_ = f.cmd.Process.Kill()
		<-f.done
		if s.t.Failed() {
			text, _ := f.said()
			s.t.Logf("ferry said:\n%s", text)
		}
	})
}

// command is ferry with arguments, in its image or on the host.
func (s *scene) command(args ...string) *ferry {
	f := &ferry{s: s, done: make(chan struct{}), more: make(chan struct{})}
	env := testenv.Environ(append(slices.Clone(s.env), "DOCKER_HOST="+s.host)...)
	if s.onHost {
		f.cmd = exec.Command(testenv.FerryBinary(s.t), append(args, "--local-prefix", s.prefix)...)
		f.cmd.Env = env
	} else {
		f.name = "ferry-chaos-" + s.id + "-" + time.Now().Format("150405.000000")
		run := []string{"run", "--rm", "--name", f.name, "--network", "host", "-v", strings.TrimPrefix(s.host, "unix://") + ":/var/run/docker.sock",
			"-v", s.prefix + ":/local"}
		for _, kv := range s.env {
			run = append(run, "-e", kv)
		}
		f.cmd = exec.Command("docker", append(append(run, testenv.TransferImage(s.t)), args...)...)
		f.cmd.Env = env
	}
	f.cmd.Stdout, f.cmd.Stderr = f, f
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // signals are for ferry alone
	return f
}

// until waits for words in what ferry says.
func (f *ferry) until(words string) {
	f.s.t.Helper()
	late := time.After(rowLimit)
	for {
		text, more := f.said()
		if strings.Contains(text, words) {
			return
		}
		select {
		case <-more:
		case <-f.done:
			if text, _ := f.said(); !strings.Contains(text, words) {
				f.s.t.Fatalf("ferry ended without saying %q", words)
			}
			return
		case <-late:
			f.s.t.Fatalf("ferry does not say %q", words)
		}
	}
}

// stage waits for the stage to begin.
func (f *ferry) stage(name string) { f.s.t.Helper(); f.until(`"stage":"` + name + `","time"`) }

// signal sends a signal to ferry.
func (f *ferry) signal(sig syscall.Signal) {
	f.s.t.Helper()
	if f.name == "" {
		if err := f.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			f.s.t.Fatal(err)
		}
		return
	}
	name := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL", syscall.SIGINT: "INT", syscall.SIGHUP: "HUP"}[sig]
	if _, err := f.s.tryDocker("kill", "-s", name, f.name); err != nil {
		select {
		case <-f.done:
		case <-time.After(5 * time.Second):
			f.s.t.Fatal(err)
		}
	}
}

// end waits for ferry's end and returns its exit code, -1 for a signal.
func (f *ferry) end() int {
	f.s.t.Helper()
	select {
	case <-f.done:
	case <-time.After(rowLimit):
		f.s.t.Fatal("ferry does not end")
	}
	return f.cmd.ProcessState.ExitCode()
}

// waitFor waits until something is so.
func (s *scene) waitFor(what string, so func() bool) {
	s.t.Helper()
	for late := time.Now().Add(rowLimit); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("waited in vain: %s", what)
		}
	}
}
