package wrapper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/engine/enginetest"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

// rig is a store in a directory, a local prefix and an engine for one test.
type rig struct {
	t      *testing.T
	store  string // the remote root
	local  string
	engine *docker.Engine
	stdout bytes.Buffer
	stderr bytes.Buffer
	log    bytes.Buffer
	logger io.Writer // writes log, for ferries beside each other
	stager wrapper.Stager
}

func newRig(t *testing.T) *rig {
	t.Parallel()
	t.Helper()
	eng, err := docker.New(docker.Config{Host: testenv.Docker(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = eng.Close() })
	s := &rig{t: t, store: t.TempDir(), local: filepath.Join(t.TempDir(), "local"), engine: eng}
	s.logger = zerolog.SyncWriter(&s.log)
	return s
}

// put makes a file in the store.
func (s *rig) put(key, text string) {
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
func (s *rig) exec(lines ...string) {
	s.t.Helper()
	s.put("jobs/1/.gp_metadata/exec.sh", strings.Join(lines, "\n")+"\n")
}

// get reads a file of the store, "" where there is none.
func (s *rig) get(key string) string {
	b, err := os.ReadFile(filepath.Join(s.store, key))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(b)
}

// meta reads a file of the job's metadata dir in the store.
func (s *rig) meta(name string) string { return s.get("jobs/1/.gp_metadata/" + name) }

// job is a description; more settings come as name, value, name, value…
func (s *rig) job(image string, more ...string) job.Job {
	s.t.Helper()
	set := job.Settings{}
	all := append([]string{"remote", s.store, "image", image, "workdir", "/jobs/1", "local-prefix", s.local, "job-id", "t1", "network", "none"}, more...)
	for i := 0; i < len(all); i += 2 {
		v := set[all[i]]
		if i < 12 {
			v.Values = nil
		}
		set[all[i]] = job.Setting{Values: append(v.Values, all[i+1]), From: "--" + all[i]}
	}
	j, err := jobtest.Words.Describe(set, os.LookupEnv)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

func (s *rig) deps() wrapper.Deps {
	return wrapper.Deps{
		Engine:   enginetest.OnHost{Engine: s.engine},
		Transfer: ferrysync.New(ferrysync.Config{}),
		Open: func(_ context.Context, url string) (store.Store, string, error) {
			st, err := dir.New(url)
			return st, "", err
		},
		Stager: s.stager, Log: zerolog.New(s.logger), Stdout: &s.stdout, Stderr: &s.stderr, Version: "test",
	}
}

// run runs a job to its end and checks that nothing is left of it.
func (s *rig) run(j job.Job) wrapper.Outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	out := wrapper.Run(ctx, ctx, j, s.deps())
	if !j.Keep {
		s.nothingLeft()
	}
	return out
}

func (s *rig) nothingLeft() {
	s.t.Helper()
	if left, err := os.ReadDir(s.local); err == nil && len(left) > 0 && !s.onlyResults(left) {
		s.t.Errorf("left on disk: %v", left)
	}
	found, err := s.engine.List(context.Background(), map[string]string{node.LabelOwner: ""})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range found {
		if strings.HasPrefix(f.Labels[node.LabelOwner], s.local+"/") {
			s.t.Errorf("left in the engine: %+v", f)
		}
	}
}

// onlyResults reports whether nothing is left but results that the job says to have kept.
func (s *rig) onlyResults(left []os.DirEntry) bool {
	inner, err := os.ReadDir(filepath.Join(s.local, ".ferry"))
	return err == nil && len(left) == 1 && left[0].Name() == ".ferry" && len(inner) == 1 && inner[0].Name() == "kept" &&
		strings.Contains(s.log.String(), "is kept on the node; ferry resume sends it")
}

// record reads run.json of the store.
func (s *rig) record() record.Record {
	s.t.Helper()
	return s.parse(s.meta("run.json"))
}

// parse reads a record of a job that has ended.
func (s *rig) parse(text string) (r record.Record) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		s.t.Fatalf("run.json: %v\n%s", err, text)
	}
	if r.State != record.StateDone {
		s.t.Errorf("run.json says %q", r.State)
	}
	return r
}

// ended checks code and cause of an outcome, of run.json and of exit_code.txt.
func (s *rig) ended(out wrapper.Outcome, code int, cause cause.Cause) record.Record {
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
