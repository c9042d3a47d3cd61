package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/job/execsh"
	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/tool"
)

const moduleName = "SelectMarkers"

func (s *show) moduleSteps(work string) error {
	s.work = work
	s.results = s.in(moduleName)
	s.said = s.results
	if err := s.build("Build ferry (a minute the first time)", func() error { return nil }); err != nil {
		return err
	}
	if err := s.pack(); err != nil {
		return err
	}
	s.step("ferry module show %s.zip", moduleName)
	said, err := lab.Output(s.ferryHere("module", "show", moduleName+".zip"))
	if err != nil {
		return err
	}
	s.indent(said)
	if err := s.runModule(); err != nil {
		return err
	}
	return s.checkModule()
}

// checkModule shows the results of the module, and compares them.
func (s *show) checkModule() error {
	if err := s.showResults(); err != nil {
		return err
	}
	if err := s.compareModule(); err != nil {
		return err
	}
	s.step("Done: exit code %d", s.code)
	return nil
}

// pack makes the module's zip.
func (s *show) pack() error {
	s.step("Pack the module: %s.zip", moduleName)
	f, err := os.Create(s.in(moduleName + ".zip"))
	if err != nil {
		return err
	}
	w := zip.NewWriter(f)
	return errors.Join(w.AddFS(os.DirFS(filepath.Join(lab.Root(), "testdata", "demo", "tasklib"))), w.Close(), f.Close())
}

// ferryHere runs ferry in the work directory, so that it prints short paths.
func (s *show) ferryHere(args ...string) *exec.Cmd {
	env := []string{"DOCKER_HOST=" + s.engine.Host, "XDG_CACHE_HOME=" + s.in("cache"), "XDG_STATE_HOME=" + s.in("state")}
	if s.aws != nil {
		env = append(env, s.aws.Env()...)
	}
	cmd := lab.Command(s.ctx, env, s.ferry, args...)
	cmd.Dir = s.work
	return cmd
}

// runModule runs the module on the input, with more options where they are needed, and keeps its exit code.
func (s *show) runModule(more ...string) error {
	args := append([]string{"module", "run", moduleName + ".zip", "-p", "input.file=" + s.input}, more...)
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = execsh.Quote(a)
	}
	s.step("ferry %s", strings.Join(words, " "))
	said, err := s.ferryHere(append([]string{"--log-format", "console"}, append(args, "--image", s.module)...)...).CombinedOutput()
	if s.code, err = tool.ExitCode(err); err != nil {
		return fmt.Errorf("running the module: %w\n%s", err, said)
	}
	s.indent(string(said))
	s.print("\n")
	s.say("exit code %d", s.code)
	return nil
}

// compareModule runs the same analysis by `docker run` on local files.
func (s *show) compareModule() error {
	s.step("The same analysis without ferry, byte for byte")
	plain := s.in("plain")
	if err := os.Mkdir(plain, 0o755); err != nil {
		return err
	}
	lib, name := filepath.Join(lab.Root(), "testdata", "demo", "tasklib"), filepath.Base(s.input)
	cmd := s.engine.Docker(s.ctx, nil, "run", "--rm", "--network", "none", "--user", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()),
		"--mount", "type=bind,src="+lib+",dst=/module,ro", "--mount", `type=bind,"src=`+s.input+`","dst=/in/`+name+`",ro`, "-v", plain+":/work", "-w", "/work",
		s.module, "sh", "/module/select_markers.sh", "-i", "/in/"+name, "-n", fmt.Sprint(jobs.Markers))
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	code, err := tool.ExitCode(cmd.Run())
	if err != nil {
		return err
	}
	if code != s.code {
		return fmt.Errorf("without ferry the exit code is %d: %s", code, errs.String())
	}
	for name, text := range map[string]string{"stdout.txt": out.String(), "stderr.txt": strings.ReplaceAll(errs.String(), "/in/", filepath.Dir(s.input)+"/")} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(plain, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return s.same(plain)
}
