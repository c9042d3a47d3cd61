package chaos

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/genepattern/ferry/internal/testenv"
)

// part starts one of ferry's own containers of a job in three. They share the scene's prefix as their volume.
func (s *scene) part(name string, flags ...string) *ferry {
	s.t.Helper()
	args := s.jobFlags(append([]string{"--platform", "compose"}, flags...))
	args[slices.Index(args, "run")] = name
	f := s.command(args...)
	s.begin(f)
	return f
}

// moduleContainer starts the module's container, as the definition for Compose has it.
func (s *scene) moduleContainer() *ferry {
	s.t.Helper()
	f := &ferry{s: s, done: make(chan struct{}), more: make(chan struct{}), name: "ferry-chaos-" + s.id + "-module"}
	f.cmd = exec.Command("docker", "run", "--rm", "--name", f.name, "--network", "none", "-v", s.prefix+":/local", "-v", filepath.Join(s.prefix, ".ferry")+":/local/.ferry:ro",
		"--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--security-opt", "no-new-privileges", "--entrypoint", "/local/.ferry/ferry", testenv.ModuleImage(s.t),
		"--log-level", "debug", "exec")
	f.cmd.Env = testenv.Environ("DOCKER_HOST=" + s.host)
	f.cmd.Stdout, f.cmd.Stderr = f, f
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.begin(f)
	return f
}

// staged stages in a job whose module copies its input and then does what the script says.
func (s *scene) staged(script ...string) {
	s.t.Helper()
	s.exec(append([]string{"set -e", "cp " + input + "/* .", "echo done > result.txt", "echo begun"}, script...)...)
	if in := s.part("stage-in"); in.end() != 0 {
		s.t.Fatal("stage-in failed")
	}
}

// both begins the module and stage-out, and returns when the module has begun.
func (s *scene) both() (module, out *ferry) {
	s.t.Helper()
	module, out = s.moduleContainer(), s.part("stage-out")
	module.until("begun")
	out.until("waiting for the module's end")
	return module, out
}

// checkVolume is check. What is left on the volume is its empty lock.
func (s *scene) checkVolume(out *ferry) {
	s.t.Helper()
	out.end()
	_ = os.Remove(filepath.Join(s.prefix, ".ferry", "volume.lock"))
	_ = os.Remove(filepath.Join(s.prefix, ".ferry"))
	s.check(out)
}

func relayRows() []row {
	const group = "Three containers: no engine's socket"
	return []row{
		{group: group, name: "all three are told to stop (SIGTERM) while the module runs", code: 75, cause: "interrupted", quick: true, run: func(s *scene) {
			s.staged("sleep 300 & wait")
			module, out := s.both()
			out.signal(syscall.SIGTERM)
			module.signal(syscall.SIGTERM)
			s.checkVolume(out)
		}},
		{group: group, name: "stage-out alone is told to stop (SIGTERM), and has the module stopped", code: 75, cause: "interrupted", run: func(s *scene) {
			s.staged("sleep 300 & wait")
			module, out := s.both()
			out.signal(syscall.SIGTERM)
			if code := module.end(); code == 0 {
				s.bad("the module's container ends with %d", code)
			}
			s.checkVolume(out)
		}},
		{group: group, name: "the module's container is killed (SIGKILL)", code: 137, quick: true, run: func(s *scene) {
			s.staged("sleep 300 & wait")
			module, out := s.both()
			module.signal(syscall.SIGKILL)
			s.checkVolume(out)
		}},
		{group: group, name: "the module's container alone is told to stop (SIGTERM), by which nothing is tried again", code: 143, run: func(s *scene) {
			s.staged("sleep 300 & wait")
			module, out := s.both()
			module.signal(syscall.SIGTERM)
			s.checkVolume(out)
		}},
		{group: group, name: "stage-in is killed (SIGKILL), and the module does not run", code: 75, cause: "interrupted", run: func(s *scene) {
			s.expect()
			release := holds["stage-in"](s)
			in := s.part("stage-in")
			s.waitFor("stage-in", s.held.Load)
			in.signal(syscall.SIGKILL)
			in.end()
			release()
			if code := s.moduleContainer().end(); code != 72 {
				s.bad("the module's container ends with %d", code)
			}
			s.checkVolume(s.part("stage-out"))
		}},
		{group: group, name: "stage-in fails, and the module does not run", code: 65, cause: "stage-in", run: func(s *scene) {
			s.expect()
			if code := s.part("stage-in", "--input", "/nothing").end(); code != 65 {
				s.bad("stage-in ends with %d", code)
			}
			if code := s.moduleContainer().end(); code != 65 {
				s.bad("the module's container ends with %d", code)
			}
			s.checkVolume(s.part("stage-out", "--input", "/nothing"))
		}},
		{group: group, name: "stage-out is killed (SIGKILL) while results go, and run again", run: func(s *scene) {
			s.staged()
			if code := s.moduleContainer().end(); code != 0 {
				s.bad("the module's container ends with %d", code)
			}
			release := holds["stage-out"](s)
			out := s.part("stage-out")
			s.waitFor("stage-out", s.held.Load)
			out.signal(syscall.SIGKILL)
			out.end()
			release()
			s.checkVolume(s.part("stage-out"))
		}},
		{group: group, name: "the store is away when the module ends, and comes back", run: func(s *scene) {
			s.staged("until [ -e go ]; do sleep 0.1; done")
			module, out := s.both()
			s.proxy.Away()
			if err := os.WriteFile(filepath.Join(s.prefix, "job", workdir, "go"), nil, 0o600); err != nil {
				s.t.Fatal(err)
			}
			module.end()
			out.until("it is asked again")
			s.proxy.Back(s.t)
			s.checkVolume(out)
		}},
		{group: group, name: "the store is away until stage-out is told to stop, and stage-out is run again", run: func(s *scene) {
			s.staged()
			module, out := s.both()
			s.proxy.Away()
			module.end()
			out.signal(syscall.SIGTERM)
			if code := out.end(); code == 0 {
				s.bad("stage-out ends with 0")
			}
			s.proxy.Back(s.t)
			s.checkVolume(s.part("stage-out"))
		}},
		{group: group, name: "the module's container never begins", code: 72, cause: "launch", run: func(s *scene) {
			s.expect()
			s.staged()
			s.checkVolume(s.part("stage-out", "--begin-within", "1s"))
		}},
	}
}
