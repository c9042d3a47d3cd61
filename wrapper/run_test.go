package wrapper_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper"
)

func TestSuccess(t *testing.T) {
	s := newRig(t)
	s.put("lib/tool.sh", "echo tool: $1\n")
	s.put("in/data.txt", "input\n")
	s.exec(`cat /in/data.txt > result.txt`, `bash /lib/tool.sh "$WHO" >> result.txt`, `echo to stdout`, `echo to stderr >&2`,
		`mkdir -p deep/er && echo x > "deep/er/a b.txt"`, `pwd >> result.txt`)
	out := s.run(s.job(testenv.ModuleImage(t), "module-dir", "/lib", "input", "/in", "env", "WHO=me"))
	r := s.ended(out, 0, cause.None)
	if got := s.get("jobs/1/result.txt"); got != "input\ntool: me\n/jobs/1\n" {
		t.Errorf("result is %q", got)
	}
	if got := s.get("jobs/1/deep/er/a b.txt"); got != "x\n" {
		t.Errorf("nested result is %q", got)
	}
	if s.stdout.String() != "module | to stdout\n" || s.stderr.String() != "module | to stderr\n" {
		t.Errorf("streams: %q, %q", s.stdout.String(), s.stderr.String())
	}
	if s.meta("dockerout.log") != "to stdout\n" || s.meta("dockererr.log") != "to stderr\n" || s.meta("docker_exit_code.txt") != "0\n" {
		t.Errorf("files: %q, %q, %q", s.meta("dockerout.log"), s.meta("dockererr.log"), s.meta("docker_exit_code.txt"))
	}
	if !json.Valid([]byte(s.meta("docker_container_used.json"))) || !strings.Contains(s.meta("transfer.log"), `"in/data.txt"`) {
		t.Errorf("docker_container_used.json %q, transfer.log %q", s.meta("docker_container_used.json"), s.meta("transfer.log"))
	}
	if _, err := os.Stat(filepath.Join(s.store, "jobs/1/.gp_metadata/.ferry")); err == nil {
		t.Error("ferry's own folder is in the store")
	}
	var stages []string
	for _, st := range r.Stages {
		stages = append(stages, st.Name)
		if st.Outcome != "ok" || st.End == nil {
			t.Errorf("stage %+v", st)
		}
	}
	slices.Sort(stages) // some run beside each other
	if got := strings.Join(stages, " "); got != "clean launch module prepare pull stage-in stage-out" {
		t.Errorf("stages: %s", got)
	}
	if in := r.Transfers["stage-in"]; in.Files != 3 || r.Image.ID == "" || len(r.Mounts) != 4 || r.Exit == nil || r.Container == "" {
		t.Errorf("record: %s", s.meta("run.json"))
	}
}

func TestModuleFails(t *testing.T) {
	s := newRig(t)
	s.exec("echo partial > result.txt", "exit 3")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 3, cause.None)
	if s.get("jobs/1/result.txt") != "partial\n" {
		t.Error("the results of a failed module are not in the store")
	}
}

func TestExitCodeFileIsTheModulesCode(t *testing.T) {
	s := newRig(t)
	s.exec(`echo '{ "exit_code": 9 }' >> .gp_metadata/exit_code.txt`)
	r := s.ended(s.run(s.job(testenv.ModuleImage(t))), 9, cause.None)
	if r.Exit.Code != 9 || r.Exit.Container != 0 || s.meta("exit_code.txt") != "{ \"exit_code\": 9 }\n" {
		t.Errorf("exit %+v, file %q", r.Exit, s.meta("exit_code.txt"))
	}
}

func TestStaleOutcomeIsNotThisAttempts(t *testing.T) {
	s := newRig(t)
	s.exec("[ ! -e .gp_metadata/exit_code.txt ] && [ ! -e .gp_metadata/stdout.txt ] && [ -e .gp_metadata/other.txt ] || exit 4")
	for _, n := range []string{"exit_code.txt", "stdout.txt", "run.json", "dockerout.log"} {
		s.put("jobs/1/.gp_metadata/"+n, `{ "exit_code": 77 }`)
	}
	s.put("jobs/1/.gp_metadata/other.txt", "x")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 0, cause.None)
}

func TestHalfWrittenExitCodeNeverCounts(t *testing.T) {
	s := newRig(t)
	s.exec(`printf '{ "exit_co' > .gp_metadata/exit_code.txt`, "exit 5")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 5, cause.None)
}

// A script that always ends with 0, as a server's does, and could not write its code: nobody knows what became of the
// module.
func TestNoWholeExitCodeIsNoSuccess(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "cut short": `{ "exit_co`} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			s.exec("printf '"+text+"' > .gp_metadata/exit_code.txt", "echo x > r.txt", "exit 0")
			s.ended(s.run(s.job(testenv.ModuleImage(t))), 72, cause.Launch)
			if s.get("jobs/1/r.txt") != "x\n" {
				t.Error("the results are not in the store")
			}
		})
	}
}

// stranger does not know the container that ferry runs in.
type stranger struct{ engine.Engine }

func (stranger) Self(context.Context) (*engine.Self, error) {
	return nil, fmt.Errorf("ferry's own: %w", engine.ErrNoContainer)
}

// Ferry and the engine in one container: the engine does not know that one.
func TestEngineInFerrysOwnContainer(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	d := s.deps()
	d.Engine = stranger{s.engine}
	s.ended(wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t)), d), 0, cause.None)
	s.nothingLeft()
}

// What stands where the attempt's root would, and no ferry made for it, is not ferry's to remove.
func TestPlaceThatIsTaken(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	thesis := filepath.Join(s.local, "t1.1", "thesis.txt")
	if err := os.MkdirAll(filepath.Dir(thesis), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(thesis, []byte("years"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t)), s.deps())
	s.ended(out, 64, cause.Usage)
	if b, err := os.ReadFile(thesis); err != nil || string(b) != "years" {
		t.Errorf("it was removed: %v", err)
	}
}

func TestRefusedBeforeAnythingRuns(t *testing.T) {
	bash := testenv.ModuleImage(t)
	for name, c := range map[string]struct {
		image string
		more  []string
		exec  string
		code  int
		cause cause.Cause
		want  string
	}{
		"no image":    {"ferry-test/none:such@sha256:" + strings.Repeat("0", 64), nil, "true", 71, cause.Image, "ferry-test/none"},
		"no shell":    {testenv.ModuleImage(t, testenv.NoShell), nil, "true", 72, cause.Launch, "neither bash nor sh"},
		"no exec.sh":  {bash, []string{"exec", "/jobs/1/.gp_metadata/none.sh"}, "true", 72, cause.Launch, "none.sh"},
		"empty input": {bash, []string{"input", "/nothing/here"}, "true", 65, cause.StageIn, "/nothing/here"},
		"root image":  {bash, []string{"forbid-root", "true"}, "true", 66, cause.Refused, "runs as root"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			s.exec(c.exec)
			out := s.run(s.job(c.image, c.more...))
			r := s.ended(out, c.code, c.cause)
			if !strings.Contains(r.Error, c.want) {
				t.Errorf("error %q does not name %q", r.Error, c.want)
			}
			if c.cause == cause.Refused && !strings.Contains(s.meta("stderr.txt"), "runs as root") {
				t.Errorf("stderr.txt is %q", s.meta("stderr.txt"))
			}
		})
	}
}

func TestNoMetadataDir(t *testing.T) {
	s := newRig(t)
	out := s.run(s.job(testenv.ModuleImage(t)))
	s.ended(out, 65, cause.StageIn)
	if !strings.Contains(out.Err.Error(), "/jobs/1/.gp_metadata") || cause.HintOf(out.Err) == "" {
		t.Errorf("error %v, hint %q", out.Err, cause.HintOf(out.Err))
	}
}

func TestNoEngine(t *testing.T) {
	s := newRig(t)
	s.exec("true")
	d := s.deps()
	var err error
	if d.Engine, err = docker.New(docker.Config{Host: "unix:///nonexistent/engine.sock"}); err != nil {
		t.Fatal(err)
	}
	out := wrapper.Run(t.Context(), t.Context(), s.job("x"), d)
	if out.Code != 69 || !strings.Contains(out.Err.Error(), "/nonexistent/engine.sock") {
		t.Errorf("%+v", out)
	}
	s.nothingLeft()
}

func TestShWhereThereIsNoBash(t *testing.T) {
	s := newRig(t)
	s.exec("echo from sh > r.txt")
	r := s.ended(s.run(s.job(testenv.ModuleImage(t, testenv.Sh))), 0, cause.None)
	if s.get("jobs/1/r.txt") != "from sh\n" || r.Command[0] != "/bin/sh" {
		t.Errorf("command %q", r.Command)
	}
}

func TestEntrypointOfTheImageIsNotRun(t *testing.T) {
	s := newRig(t)
	s.exec("echo $GREETING > r.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t, testenv.Entrypoint))), 0, cause.None)
	if s.get("jobs/1/r.txt") != "hello\n" {
		t.Errorf("result %q", s.get("jobs/1/r.txt"))
	}
}

func TestNonRootImageWritesItsDirs(t *testing.T) {
	s := newRig(t)
	s.put("lib/x", "x")
	s.put("in/x", "x")
	s.exec("set -e", "id -u > r.txt", "echo y > .gp_metadata/y.txt", "echo z > /lib/z", "cat /in/x")
	s.ended(s.run(s.job(testenv.ModuleImage(t, testenv.User), "module-dir", "/lib", "input", "/in", "forbid-root", "true")), 0, cause.None)
	if s.get("jobs/1/r.txt") != "1000\n" || s.meta("y.txt") != "y\n" {
		t.Errorf("results %q %q", s.get("jobs/1/r.txt"), s.meta("y.txt"))
	}
	if s.get("lib/z") != "" {
		t.Error("the tasklib was staged out, though it is no output")
	}
}

func TestReadOnlyInputs(t *testing.T) {
	s := newRig(t)
	s.put("in/x", "x")
	s.exec("echo y > /in/y && exit 4", "echo ok > r.txt && echo ok > .gp_metadata/m.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t), "input", "/in", "read-only-inputs", "true")), 0, cause.None)
}

func TestOutputGoesBackWhereItCameFrom(t *testing.T) {
	s := newRig(t)
	s.put("elsewhere/x", "x")
	s.exec("echo new > /db/new", "echo changed > /db/x")
	s.ended(s.run(s.job(testenv.ModuleImage(t), "input", "/db=elsewhere", "output", "/db")), 0, cause.None)
	if s.get("elsewhere/new") != "new\n" || s.get("elsewhere/x") != "changed\n" || s.get("db/new") != "" {
		t.Error("the output is not where its input came from")
	}
}
