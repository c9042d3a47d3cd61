package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// runJob runs the job with the engine of another machine, and keeps its exit code.
func (s *show) runJob() error {
	local := s.in("local")
	if err := os.Mkdir(local, 0o755); err != nil {
		return err
	}
	there := os.Getenv("REMOTE_ENGINE")
	env := []string{"DOCKER_HOST=" + there, "DOCKER_TLS_VERIFY=", "DOCKER_CERT_PATH="}
	if certs := os.Getenv("REMOTE_CERTS"); certs != "" {
		env = []string{"DOCKER_HOST=" + there, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + certs}
	}
	if err := s.bring(there, env); err != nil {
		return err
	}
	cmd := s.there(local, env)
	said, err := cmd.CombinedOutput()
	if s.code, err = tool.ExitCode(err); err != nil {
		return fmt.Errorf("running the job: %w\n%s", err, said)
	}
	s.indent(string(said))
	s.print("\n")
	s.say("exit code %d", s.code)
	return s.left(local)
}

// there is ferry on this machine, with the engine of another.
func (s *show) there(local string, env []string) *exec.Cmd {
	s.step("Run the job: ferry here, the module's container there, files copied into it and out of it")
	var set []string
	for _, kv := range env {
		if !strings.HasSuffix(kv, "=") {
			set = append(set, kv)
		}
	}
	s.say(`%s ferry run --stage copy --local-prefix %s \`, strings.Join(set, " "), local)
	s.sayFlags()
	args := append(append([]string{"--log-format", "console", "run"}, s.flags()...), "--stage", "copy", "--local-prefix", local)
	return lab.Command(s.ctx, append(s.bucket.Env(), env...), s.ferry, args...)
}

func (s *show) flags() []string { return jobs.Flags(remote, s.module, "1") }

// sayFlags shows the job's flags on two lines.
func (s *show) sayFlags() {
	const first = 8 // words of the first line
	f := s.flags()
	s.say(`  %s \`, strings.Join(f[:first], " "))
	s.say("  %s\n", strings.Join(f[first:], " "))
}

// bring has the module's image on the other engine.
func (s *show) bring(there string, env []string) error {
	s.step("Bring the module's image to %s", there)
	if lab.Command(s.ctx, env, "docker", "image", "inspect", s.module).Run() == nil {
		return nil
	}
	if s.engine.Docker(s.ctx, nil, "image", "inspect", s.module).Run() != nil {
		if _, err := lab.Output(s.engine.Docker(s.ctx, nil, "pull", "-q", s.module)); err != nil {
			return err
		}
	}
	tar := s.in("module.tar")
	if _, err := lab.Output(s.engine.Docker(s.ctx, nil, "save", "-o", tar, s.module)); err != nil {
		return err
	}
	_, err := lab.Output(lab.Command(s.ctx, env, "docker", "load", "-q", "-i", tar))
	return err
}

// left shows what ferry left in the local prefix.
func (s *show) left(local string) error {
	entries, err := os.ReadDir(local)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) == 0 {
		names = []string{"nothing"}
	}
	s.say("left on this machine: %s", strings.Join(names, " "))
	return nil
}
