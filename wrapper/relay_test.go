package wrapper_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
	"github.com/genepattern/ferry/platform"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/record"
)

// A volumeRig is a store in a directory and a volume. Its module is whatever a test does to the volume.
type volumeRig struct {
	t             *testing.T
	store, volume string
}

func newVolumeRig(t *testing.T) *volumeRig {
	t.Parallel()
	r := &volumeRig{t: t, store: t.TempDir(), volume: t.TempDir()}
	r.write(filepath.Join(r.store, "jobs/1/.gp_metadata/exec.sh"), "true\n")
	r.write(filepath.Join(r.store, "jobs/1/old.txt"), "old\n")
	return r
}

func (r *volumeRig) write(name, text string) {
	r.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *volumeRig) job(id string, more ...string) job.Job {
	r.t.Helper()
	set := job.Settings{}
	all := append([]string{"remote", r.store, "image", "any", "workdir", "/jobs/1", "local-prefix", r.volume, "job-id", id}, more...)
	for i := 0; i < len(all); i += 2 {
		set[all[i]] = job.Setting{Values: []string{all[i+1]}, From: "--" + all[i]}
	}
	j, err := jobtest.Words.Describe(set, os.LookupEnv)
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

func (r *volumeRig) deps() wrapper.Deps {
	return wrapper.Deps{Engine: platform.Platform{Name: platform.Unknown}, Transfer: ferrysync.New(ferrysync.Config{}), Log: zerolog.Nop(), Stdout: io.Discard, Stderr: io.Discard,
		Open: func(_ context.Context, url string) (store.Store, string, error) {
			st, err := dir.New(url)
			return st, "", err
		}}
}

// stageIn stages the job in.
func (r *volumeRig) stageIn(j job.Job) wrapper.Outcome {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	return wrapper.StageIn(ctx, ctx, j, r.deps())
}

// stageOut stages the job out. The module's container has ended, or never begins.
func (r *volumeRig) stageOut(j job.Job) wrapper.Outcome {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	return wrapper.StageOut(ctx, ctx, j, r.deps(), 0)
}

// ended says what `ferry exec` says of a module that ended with a code.
func (r *volumeRig) ended(end string) {
	r.write(filepath.Join(r.volume, "exec/lock"), "")
	r.write(filepath.Join(r.volume, "exec/end.json"), end)
}

func (r *volumeRig) record() (rec record.Record) {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.store, "jobs/1/.gp_metadata/run.json"))
	if err == nil {
		err = json.Unmarshal(data, &rec)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

const endedWell = `{"Exit": {"Code": 0}}`

// A job in three containers: what the module made is stored, what it left alone is not sent again, and nothing stays.
func TestRelay(t *testing.T) {
	r := newVolumeRig(t)
	if out := r.stageIn(r.job("j")); out.Code != 0 {
		t.Fatal(out.Err)
	}
	old := filepath.Join(r.store, "jobs/1/old.txt")
	before, err := os.Stat(old)
	if err != nil {
		t.Fatal(err)
	}
	if rec := r.record(); rec.State != record.StateRunning || rec.Seal == "" || rec.Cause != cause.Internal {
		t.Errorf("while the module runs the record says %+v", rec)
	}
	r.write(filepath.Join(r.volume, "job/jobs/1/new.txt"), "new\n")
	r.ended(endedWell)
	if out := r.stageOut(r.job("j")); out.Code != 0 {
		t.Fatal(out.Err)
	}
	if rec := r.record(); rec.State != record.StateDone || rec.Seal != "" || rec.ExitCode != 0 || rec.Transfers["stage-out"].Files < 1 {
		t.Errorf("the record says %+v", rec)
	}
	if data, err := os.ReadFile(filepath.Join(r.store, "jobs/1/new.txt")); string(data) != "new\n" {
		t.Errorf("the result: %q, %v", data, err)
	}
	if after, err := os.Stat(old); err != nil || !after.ModTime().Equal(before.ModTime()) || !os.SameFile(before, after) {
		t.Errorf("an unchanged file was sent again: %v", err)
	}
	for _, name := range []string{"job", "exec", ".ferry/ferry", ".ferry/baton.json", ".ferry/orders.json"} {
		if _, err := os.Lstat(filepath.Join(r.volume, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if out := r.stageOut(r.job("j")); out.Cause != cause.Usage {
		t.Errorf("again: %+v", out)
	}
}

// The module can write the whole volume, where the platform has no other way. It changes what stage-in left; stage-out sends nothing of
// the module's, and says so.
func TestForgedBaton(t *testing.T) {
	for name, forge := range map[string]func(r *volumeRig){
		"baton":      func(r *volumeRig) { r.edit(`"Before":`, `"Forged":"","Before":`) },
		"not staged": func(r *volumeRig) { r.edit(`"Staged":true`, `"Staged":false`) },
		"failure": func(r *volumeRig) {
			r.edit(`"Failed":null`, `"Failed":{"Cause":"interrupted","Message":"try me again"}`)
		},
		"snapshot": func(r *volumeRig) { r.write(filepath.Join(r.volume, ".ferry/baton.0"), "ferry snapshot 1\n12345678") },
		"link":     func(r *volumeRig) { r.replace("job", "/etc") },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			r := newVolumeRig(t)
			if out := r.stageIn(r.job("j")); out.Code != 0 {
				t.Fatal(out.Err)
			}
			r.write(filepath.Join(r.volume, "job/jobs/1/new.txt"), "new\n")
			r.ended(endedWell)
			forge(r)
			if out := r.stageOut(r.job("j")); out.Cause != cause.Refused {
				t.Errorf("the outcome is %+v", out)
			}
			if rec := r.record(); rec.State != record.StateDone || rec.Cause != cause.Refused {
				t.Errorf("the record says %+v", rec)
			}
			if _, err := os.Lstat(filepath.Join(r.store, "jobs/1/new.txt")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something of the module's is stored: %v", err)
			}
		})
	}
}

// edit changes the baton.
func (r *volumeRig) edit(old, text string) {
	r.t.Helper()
	name := filepath.Join(r.volume, ".ferry/baton.json")
	data, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(data), old) {
		r.t.Fatalf("%v: %s", err, data)
	}
	r.write(name, strings.Replace(string(data), old, text, 1))
}

// replace puts a link in the place of a directory of the volume.
func (r *volumeRig) replace(name, to string) {
	r.t.Helper()
	at := filepath.Join(r.volume, name)
	if err := errors.Join(os.Rename(at, at+".was"), os.Symlink(to, at)); err != nil {
		r.t.Fatal(err)
	}
}

// The module names another run in the baton: stage-out takes the job for another's, sends nothing, and leaves the store's record alone.
func TestBatonOfAnotherRun(t *testing.T) {
	r := newVolumeRig(t)
	if out := r.stageIn(r.job("j")); out.Code != 0 {
		t.Fatal(out.Err)
	}
	r.ended(endedWell)
	run := r.record().Run
	r.edit(`"Run":"`+run+`"`, `"Run":"another"`)
	if out := r.stageOut(r.job("j")); out.Cause != cause.Refused {
		t.Errorf("the outcome is %+v", out)
	}
	if rec := r.record(); rec.Run != run || rec.State != record.StateRunning {
		t.Errorf("the record says %+v", rec)
	}
}

// What the module says in the place of `ferry exec` decides no more than its own exit code would: not that the job is tried again, and
// not what ferry's own files are.
func TestForgedEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  string
		code int
	}{
		"try again":  {`{"Failed": {"Cause": "interrupted", "Message": "x"}, "Exit": {"Code": 3}}`, 3},
		"not run":    {`{"Failed": {"Cause": "engine", "Message": "x"}}`, cause.Launch.Code()},
		"75":         {`{"Exit": {"Code": 75}}`, 75},
		"large code": {`{"Exit": {"Code": 4611686018427387907}}`, 3},
		"nonsense":   {`]`, 137},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			r := newVolumeRig(t)
			if out := r.stageIn(r.job("j")); out.Code != 0 {
				t.Fatal(out.Err)
			}
			r.ended(c.end)
			r.write(filepath.Join(r.volume, "job/.ferry/metadata/transfer.log"), "forged\n")
			r.replaceFile("exec/.ferry/metadata/dockerout.log", filepath.Join(r.volume, ".ferry/baton.json"))
			out := r.stageOut(r.job("j"))
			if out.Code != c.code || out.Cause.Again() || out.ProcessCode() == 75 {
				t.Errorf("the outcome is %+v, and the process ends with %d", out, out.ProcessCode())
			}
			log, err := os.ReadFile(filepath.Join(r.store, "jobs/1/.gp_metadata/transfer.log"))
			if err != nil || strings.Contains(string(log), "forged") || !strings.Contains(string(log), "exec.sh") {
				t.Errorf("the transfer log is %q, %v", log, err)
			}
			if log, _ := os.ReadFile(filepath.Join(r.store, "jobs/1/.gp_metadata/dockerout.log")); strings.Contains(string(log), "Digests") {
				t.Errorf("a link was followed out of the module's folder: %q", log)
			}
		})
	}
}

// replaceFile lays a link to a file.
func (r *volumeRig) replaceFile(name, to string) {
	r.t.Helper()
	at := filepath.Join(r.volume, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(to, at)); err != nil {
		r.t.Fatal(err)
	}
}

// Two jobs want one volume: the second is refused until the first is staged out, and the store is told of it.
func TestVolumeOfAnotherJob(t *testing.T) {
	r := newVolumeRig(t)
	if out := r.stageIn(r.job("first")); out.Code != 0 {
		t.Fatal(out.Err)
	}
	other := newStore(t)
	second := r.job("second", "remote", other)
	out := r.stageIn(second)
	if out.Cause != cause.Refused || !strings.Contains(out.Err.Error(), `"first"`) {
		t.Errorf("the second job: %+v", out)
	}
	if data, err := os.ReadFile(filepath.Join(other, "jobs/1/.gp_metadata/exit_code.txt")); err != nil || !strings.Contains(string(data), "66") {
		t.Errorf("the store of the second job: %q, %v", data, err)
	}
	if out := r.stageOut(second); out.Cause != cause.Refused {
		t.Errorf("staging the second out: %+v", out)
	}
	r.ended(endedWell)
	if out := r.stageOut(r.job("first")); out.Code != 0 {
		t.Errorf("the first job: %+v", out)
	}
	if out := r.stageIn(second); out.Code != 0 {
		t.Errorf("the second job, after the first: %+v", out)
	}
}

func newStore(t *testing.T) string {
	t.Helper()
	s := t.TempDir()
	name := filepath.Join(s, "jobs/1/.gp_metadata/exec.sh")
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("true\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return s
}

// What needs an engine's socket is refused before anything is touched.
func TestNotForThreeContainers(t *testing.T) {
	for _, o := range [][]string{{"freeze", "auto"}, {"keep", "true"}, {"stage", "copy"}, {"user", "caller"}} {
		t.Run(o[0], func(t *testing.T) {
			r := newVolumeRig(t)
			if out := r.stageIn(r.job("j", o...)); out.Cause != cause.Usage || !strings.Contains(out.Err.Error(), "--"+o[0]) {
				t.Errorf("%q: %+v", o, out)
			}
		})
	}
}
