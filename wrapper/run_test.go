package wrapper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/engine"
	"github.com/genepattern/ferry/wrapper/engine/docker"
)

// site is a store in a directory, a local prefix and an engine for one test.
type site struct {
	t      *testing.T
	store  string // the remote root
	local  string
	engine *docker.Engine
	stdout bytes.Buffer
	stderr bytes.Buffer
	log    bytes.Buffer
}

func newSite(t *testing.T) *site {
	t.Parallel()
	t.Helper()
	eng, err := docker.New(docker.Config{Host: testenv.Docker(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	return &site{t: t, store: t.TempDir(), local: filepath.Join(t.TempDir(), "local"), engine: eng}
}

// put makes a file in the store.
func (s *site) put(key, text string) {
	s.t.Helper()
	p := filepath.Join(s.store, key)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// exec makes the job's exec.sh, in the store.
func (s *site) exec(lines ...string) {
	s.t.Helper()
	s.put("jobs/1/.gp_metadata/exec.sh", strings.Join(lines, "\n")+"\n")
}

// get reads a file of the store, "" where there is none.
func (s *site) get(key string) string {
	b, err := os.ReadFile(filepath.Join(s.store, key))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(b)
}

// meta reads a file of the job's metadata dir in the store.
func (s *site) meta(name string) string { return s.get("jobs/1/.gp_metadata/" + name) }

// job is a description; more settings come as name, value, name, value…
func (s *site) job(image string, more ...string) wrapper.Job {
	s.t.Helper()
	set := wrapper.Settings{}
	all := append([]string{"remote", s.store, "image", image, "workdir", "/jobs/1", "local-prefix", s.local, "job-id", "t1", "network", "none"}, more...)
	for i := 0; i < len(all); i += 2 {
		v := set[all[i]]
		if i < 12 {
			v.Values = nil
		}
		set[all[i]] = wrapper.Setting{Values: append(v.Values, all[i+1]), From: "--" + all[i]}
	}
	j, err := wrapper.Describe(set, os.LookupEnv)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

func (s *site) deps() wrapper.Deps {
	return wrapper.Deps{
		Engine: s.engine, Self: func(context.Context) (*engine.Self, error) { return nil, nil },
		Transfer: ferrysync.New(ferrysync.Config{}),
		Open: func(_ context.Context, url string) (store.Store, string, error) {
			st, err := dir.New(url)
			return st, "", err
		},
		Log: zerolog.New(zerolog.SyncWriter(&s.log)), Stdout: &s.stdout, Stderr: &s.stderr, Version: "test",
	}
}

// run runs a job to its end and checks that nothing is left of it.
func (s *site) run(j wrapper.Job) wrapper.Outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	out := wrapper.Run(ctx, ctx, j, s.deps())
	if !j.Keep {
		s.nothingLeft()
	}
	return out
}

func (s *site) nothingLeft() {
	s.t.Helper()
	if left, err := os.ReadDir(s.local); err == nil && len(left) > 0 {
		s.t.Errorf("left on disk: %v", left)
	}
	found, err := s.engine.List(context.Background(), map[string]string{wrapper.LabelOwner: ""})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range found {
		if strings.HasPrefix(f.Labels[wrapper.LabelOwner], s.local+"/") {
			s.t.Errorf("left in the engine: %+v", f)
		}
	}
}

// record reads run.json of the store.
func (s *site) record() (r wrapper.Record) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.meta("run.json")), &r); err != nil {
		s.t.Fatalf("run.json: %v\n%s", err, s.meta("run.json"))
	}
	if r.State != wrapper.StateDone {
		s.t.Errorf("run.json says %q", r.State)
	}
	return r
}

// ended checks code and cause of an outcome, of run.json and of exit_code.txt.
func (s *site) ended(out wrapper.Outcome, code int, cause wrapper.Cause) wrapper.Record {
	s.t.Helper()
	if out.Code != code || out.Cause != cause {
		s.t.Errorf("ended with %d %q (%v), want %d %q", out.Code, out.Cause, out.Err, code, cause)
	}
	r := s.record()
	if r.ExitCode != code || r.Cause != cause {
		s.t.Errorf("run.json says %d %q (%s), want %d %q", r.ExitCode, r.Cause, r.Error, code, cause)
	}
	var file struct {
		Code int `json:"exit_code"`
	}
	if err := json.Unmarshal([]byte(s.meta("exit_code.txt")), &file); err != nil || file.Code != code {
		s.t.Errorf("exit_code.txt is %q (%v)", s.meta("exit_code.txt"), err)
	}
	return r
}

func TestSuccess(t *testing.T) {
	s := newSite(t)
	s.put("lib/tool.sh", "echo tool: $1\n")
	s.put("in/data.txt", "input\n")
	s.exec(`cat /in/data.txt > result.txt`, `bash /lib/tool.sh "$WHO" >> result.txt`, `echo to stdout`, `echo to stderr >&2`,
		`mkdir -p deep/er && echo x > "deep/er/a b.txt"`, `pwd >> result.txt`)
	out := s.run(s.job(testenv.ModuleImage(t), "module-dir", "/lib", "input", "/in", "env", "WHO=me"))
	r := s.ended(out, 0, wrapper.CauseNone)
	if got := s.get("jobs/1/result.txt"); got != "input\ntool: me\n/jobs/1\n" {
		t.Errorf("result is %q", got)
	}
	if got := s.get("jobs/1/deep/er/a b.txt"); got != "x\n" {
		t.Errorf("nested result is %q", got)
	}
	if s.stdout.String() != "to stdout\n" || s.stderr.String() != "to stderr\n" {
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
	s := newSite(t)
	s.exec("echo partial > result.txt", "exit 3")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 3, wrapper.CauseNone)
	if s.get("jobs/1/result.txt") != "partial\n" {
		t.Error("the results of a failed module are not in the store")
	}
}

func TestExitCodeFileIsTheModulesCode(t *testing.T) {
	s := newSite(t)
	s.exec(`echo '{ "exit_code": 9 }' >> .gp_metadata/exit_code.txt`)
	r := s.ended(s.run(s.job(testenv.ModuleImage(t))), 9, wrapper.CauseNone)
	if r.Exit.Code != 9 || r.Exit.Container != 0 || s.meta("exit_code.txt") != "{ \"exit_code\": 9 }\n" {
		t.Errorf("exit %+v, file %q", r.Exit, s.meta("exit_code.txt"))
	}
}

func TestStaleOutcomeIsNotThisAttempts(t *testing.T) {
	s := newSite(t)
	s.exec("[ ! -e .gp_metadata/exit_code.txt ] && [ ! -e .gp_metadata/stdout.txt ] && [ -e .gp_metadata/other.txt ] || exit 4")
	for _, n := range []string{"exit_code.txt", "stdout.txt", "run.json", "dockerout.log"} {
		s.put("jobs/1/.gp_metadata/"+n, `{ "exit_code": 77 }`)
	}
	s.put("jobs/1/.gp_metadata/other.txt", "x")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 0, wrapper.CauseNone)
}

func TestHalfWrittenExitCodeNeverCounts(t *testing.T) {
	s := newSite(t)
	s.exec(`printf '{ "exit_co' > .gp_metadata/exit_code.txt`, "exit 5")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 5, wrapper.CauseNone)
}

func TestRefusedBeforeAnythingRuns(t *testing.T) {
	bash := testenv.ModuleImage(t)
	for name, c := range map[string]struct {
		image string
		more  []string
		exec  string
		code  int
		cause wrapper.Cause
		want  string
	}{
		"no image":    {"ferry-test/none:such@sha256:" + strings.Repeat("0", 64), nil, "true", 71, wrapper.CauseImage, "ferry-test/none"},
		"no shell":    {testenv.ModuleImage(t, testenv.NoShell), nil, "true", 72, wrapper.CauseLaunch, "neither bash nor sh"},
		"no exec.sh":  {bash, []string{"exec", "/jobs/1/.gp_metadata/none.sh"}, "true", 72, wrapper.CauseLaunch, "none.sh"},
		"empty input": {bash, []string{"input", "/nothing/here"}, "true", 65, wrapper.CauseStageIn, "/nothing/here"},
		"root image":  {bash, []string{"forbid-root", "true"}, "true", 66, wrapper.CauseRefused, "runs as root"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.exec(c.exec)
			out := s.run(s.job(c.image, c.more...))
			r := s.ended(out, c.code, c.cause)
			if !strings.Contains(r.Error, c.want) {
				t.Errorf("error %q does not name %q", r.Error, c.want)
			}
			if c.cause == wrapper.CauseRefused && !strings.Contains(s.meta("stderr.txt"), "runs as root") {
				t.Errorf("stderr.txt is %q", s.meta("stderr.txt"))
			}
		})
	}
}

func TestNoMetadataDir(t *testing.T) {
	s := newSite(t)
	out := s.run(s.job(testenv.ModuleImage(t)))
	s.ended(out, 65, wrapper.CauseStageIn)
	if !strings.Contains(out.Err.Error(), "/jobs/1/.gp_metadata") || wrapper.HintOf(out.Err) == "" {
		t.Errorf("error %v, hint %q", out.Err, wrapper.HintOf(out.Err))
	}
}

func TestNoEngine(t *testing.T) {
	s := newSite(t)
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
	s := newSite(t)
	s.exec("echo from sh > r.txt")
	r := s.ended(s.run(s.job(testenv.ModuleImage(t, testenv.Sh))), 0, wrapper.CauseNone)
	if s.get("jobs/1/r.txt") != "from sh\n" || r.Command[0] != "/bin/sh" {
		t.Errorf("command %q", r.Command)
	}
}

func TestEntrypointOfTheImageIsNotRun(t *testing.T) {
	s := newSite(t)
	s.exec("echo $GREETING > r.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t, testenv.Entrypoint))), 0, wrapper.CauseNone)
	if s.get("jobs/1/r.txt") != "hello\n" {
		t.Errorf("result %q", s.get("jobs/1/r.txt"))
	}
}

func TestNonRootImageWritesItsDirs(t *testing.T) {
	s := newSite(t)
	s.put("lib/x", "x")
	s.put("in/x", "x")
	s.exec("set -e", "id -u > r.txt", "echo y > .gp_metadata/y.txt", "echo z > /lib/z", "cat /in/x")
	s.ended(s.run(s.job(testenv.ModuleImage(t, testenv.User), "module-dir", "/lib", "input", "/in", "forbid-root", "true")), 0, wrapper.CauseNone)
	if s.get("jobs/1/r.txt") != "1000\n" || s.meta("y.txt") != "y\n" {
		t.Errorf("results %q %q", s.get("jobs/1/r.txt"), s.meta("y.txt"))
	}
	if s.get("lib/z") != "" {
		t.Error("the tasklib was staged out, though it is no output")
	}
}

func TestReadOnlyInputs(t *testing.T) {
	s := newSite(t)
	s.put("in/x", "x")
	s.exec("echo y > /in/y && exit 4", "echo ok > r.txt && echo ok > .gp_metadata/m.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t), "input", "/in", "read-only-inputs", "true")), 0, wrapper.CauseNone)
}

func TestOutputGoesBackWhereItCameFrom(t *testing.T) {
	s := newSite(t)
	s.put("elsewhere/x", "x")
	s.exec("echo new > /db/new", "echo changed > /db/x")
	s.ended(s.run(s.job(testenv.ModuleImage(t), "input", "/db=elsewhere", "output", "/db")), 0, wrapper.CauseNone)
	if s.get("elsewhere/new") != "new\n" || s.get("elsewhere/x") != "changed\n" || s.get("db/new") != "" {
		t.Error("the output is not where its input came from")
	}
}

func TestWalltime(t *testing.T) {
	s := newSite(t)
	s.exec("echo partial > r.txt", "trap '' TERM", "sleep 60 & wait", "sleep 60")
	out := s.run(s.job(testenv.ModuleImage(t), "walltime", "1", "grace", "4"))
	s.ended(out, 142, wrapper.CauseWalltime)
	if s.get("jobs/1/r.txt") != "partial\n" {
		t.Error("no results after the walltime")
	}
}

// started is closed by the first byte written to it.
type started struct {
	once sync.Once
	c    chan struct{}
}

func (s *started) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.c) })
	return len(p), nil
}

func TestInterrupted(t *testing.T) {
	s := newSite(t)
	s.exec("echo partial > r.txt", "trap 'echo stopped > stopped.txt; exit 3' TERM", "echo begun", "sleep 60 & wait")
	work, stop := context.WithCancelCause(t.Context())
	begun := &started{c: make(chan struct{})}
	d := s.deps()
	d.Stdout = begun
	go func() {
		<-begun.c
		stop(wrapper.Fail(wrapper.CauseInterrupted, "", "told to stop"))
	}()
	out := wrapper.Run(work, t.Context(), s.job(testenv.ModuleImage(t)), d)
	s.nothingLeft()
	r := s.ended(out, 75, wrapper.CauseInterrupted)
	if s.get("jobs/1/r.txt") != "partial\n" || s.get("jobs/1/stopped.txt") != "stopped\n" || r.Exit == nil || r.Exit.Code != 3 {
		t.Errorf("results %q %q, exit %+v", s.get("jobs/1/r.txt"), s.get("jobs/1/stopped.txt"), r.Exit)
	}
}

func TestOutOfMemory(t *testing.T) {
	s := newSite(t)
	s.exec(`x=$(head -c 100000000 /dev/zero | tr '\0' x)`, "echo survived > r.txt")
	out := s.run(s.job(testenv.ModuleImage(t), "memory", "32m"))
	r := s.record()
	if out.Cause != wrapper.CauseOOM || !r.Exit.OOM || out.Code == 0 {
		t.Errorf("outcome %+v, exit %+v", out, r.Exit)
	}
}

func TestKeepLeavesFilesButNotPrivateInputs(t *testing.T) {
	s := newSite(t)
	s.put("users/me@x/up/secret.txt", "x")
	s.exec("cat /users/me@x/up/secret.txt > r.txt")
	j := s.job(testenv.ModuleImage(t), "keep", "true", "user-id", "me@x", "input", "/users/me@x/up")
	out := s.run(j)
	r := s.ended(out, 0, wrapper.CauseNone)
	root := filepath.Join(s.local, "t1.1")
	if _, err := os.Stat(filepath.Join(root, "jobs/1/r.txt")); err != nil {
		t.Error("files were not kept:", err)
	}
	if _, err := os.Stat(filepath.Join(root, "users/me@x/up")); !errors.Is(err, os.ErrNotExist) {
		t.Error("private inputs were kept")
	}
	c, err := s.engine.Attach(t.Context(), r.Container)
	if err != nil {
		t.Fatal("the container was not kept:", err)
	}
	// A later ferry on this node leaves what was kept alone.
	if o, err := wrapper.Orphans(t.Context(), s.engine, s.local, s.local, true); err != nil || len(o) != 0 {
		t.Errorf("orphans %v, %v", o, err)
	}
	if err := c.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestModuleRemovesItsMetadataDir(t *testing.T) {
	s := newSite(t)
	s.exec("echo said", "rm -rf .gp_metadata/* .gp_metadata/.[!.]*", "mkdir .gp_metadata/run.json .gp_metadata/exit_code.txt",
		"ln -s /etc/passwd .gp_metadata/dockerout.log", "echo x > r.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 0, wrapper.CauseNone)
	if s.meta("dockerout.log") != "said\n" || s.get("jobs/1/r.txt") != "x\n" {
		t.Errorf("dockerout.log %q", s.meta("dockerout.log"))
	}
}

func TestSameJobTwiceAtOnceIsRefused(t *testing.T) {
	s := newSite(t)
	s.exec("echo begun", "sleep 5")
	begun := &started{c: make(chan struct{})}
	d := s.deps()
	d.Stdout = begun
	work, stop := context.WithCancelCause(t.Context())
	ended := make(chan wrapper.Outcome)
	j := s.job(testenv.ModuleImage(t))
	go func() { ended <- wrapper.Run(work, t.Context(), j, d) }()
	<-begun.c
	out := wrapper.Run(t.Context(), t.Context(), j, s.deps())
	if out.Cause != wrapper.CauseRefused || !strings.Contains(out.Err.Error(), "running on this node already") {
		t.Errorf("the second: %+v", out)
	}
	stop(nil)
	if first := <-ended; first.Cause != wrapper.CauseInterrupted {
		t.Errorf("the first: %+v", first)
	}
	s.nothingLeft()
}

func TestPlanTouchesNothing(t *testing.T) {
	s := newSite(t)
	out := wrapper.Plan(t.Context(), s.job("some/image:1", "module-dir", "/lib", "env", "TOKEN=secret"), s.deps())
	plan := s.stdout.String()
	for _, want := range []string{"some/image:1", "bash /jobs/1/.gp_metadata/exec.sh", s.local + "/t1.1/lib -> /lib (rw)", "TOKEN=…"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
		}
	}
	if out.Code != 0 || strings.Contains(plan, "secret") {
		t.Errorf("%+v\n%s", out, plan)
	}
	if _, err := os.Stat(s.local); !errors.Is(err, os.ErrNotExist) {
		t.Error("a dry run made the local prefix")
	}
}

// Twice the free space is asked for, by a file with a hole.
func TestNoSpaceForInputsIsSeenBeforeTheyAreFetched(t *testing.T) {
	s := newSite(t)
	s.exec("true")
	s.put("in/huge", "")
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.store, &st); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(s.store, "in/huge"), int64(st.Bavail)*st.Bsize*2); err != nil {
		t.Fatal(err)
	}
	out := s.run(s.job(testenv.ModuleImage(t), "input", "/in"))
	r := s.ended(out, 74, wrapper.CauseDisk)
	if in := r.Transfers["stage-in"]; in.Bytes > 1<<20 {
		t.Errorf("%d bytes were fetched", in.Bytes)
	}
}
