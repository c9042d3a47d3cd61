package wrapper_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper"
)

// module puts a job with a tasklib, a library and an input into the store.
func (s *rig) module() {
	s.put("gp/tasklib/code.sh", "#!/bin/sh\necho code\n")
	s.put("gp/lib/deep/lib.txt", "library")
	s.put("users/ann/in.txt", "private input")
}

var moduleSettings = []string{"module-dir", "/gp/tasklib", "library", "/gp/lib", "input", "/users/ann", "user-id", "ann",
	"module-name", "Mod", "module-lsid", "urn:lsid:example.org:m:1:2", "env", "TOKEN=hush"}

func TestStageCopy(t *testing.T) {
	for _, image := range []testenv.Module{testenv.Bash, testenv.User} {
		t.Run(string(image), func(t *testing.T) {
			s := newRig(t)
			s.module()
			s.exec("set -e", "cat /gp/tasklib/code.sh >code", "cat /gp/lib/deep/lib.txt /users/ann/in.txt >read", "mkdir -p sub/empty",
				"ln -s read sub/link", "chmod 750 code", "echo changed >/users/ann/in.txt 2>/dev/null || true", "echo out", "exit 3")
			out := s.run(s.job(testenv.ModuleImage(t, image), append(moduleSettings, "stage", "copy")...))
			s.ended(out, 3, cause.None)
			if got := s.get("jobs/1/read"); got != "libraryprivate input" {
				t.Errorf("the module read %q", got)
			}
			if st, err := os.Stat(filepath.Join(s.store, "jobs/1/code")); err != nil || s.get("jobs/1/code") != "#!/bin/sh\necho code\n" {
				t.Errorf("a result: %v, %v", st, err)
			}
			if got := s.get("users/ann/in.txt"); got != "private input" {
				t.Errorf("an input was staged out: %q", got)
			}
			if got := s.meta("dockerout.log"); got != "out\n" {
				t.Errorf("dockerout.log: %q", got)
			}
			if mounts := s.record().Mounts; len(mounts) > 0 {
				t.Errorf("mounted: %v", mounts)
			}
		})
	}
}

// TestStageCopyReadsTheExitCodeFile finds the module's own code where it is written into the working dir.
func TestStageCopyReadsTheExitCodeFile(t *testing.T) {
	s := newRig(t)
	s.exec(`echo '{ "exit_code": 9 }' >/jobs/1/code.json`)
	if out := s.run(s.job(testenv.ModuleImage(t), "stage", "copy", "exit-code-file", "/jobs/1/code.json")); out.Code != 9 {
		t.Errorf("outcome %+v", out)
	}
}

// TestStageCopyHostile has a module that replaces its working dir by a link to ferry's node.
func TestStageCopyHostile(t *testing.T) {
	s := newRig(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.exec("cd /", "ln -s "+filepath.Dir(secret)+" /jobs/1/dir", "ln -s "+secret+" /jobs/1/file", "mkfifo /jobs/1/pipe", "echo fine >/jobs/1/fine")
	s.run(s.job(testenv.ModuleImage(t), "stage", "copy"))
	if got := s.get("jobs/1/fine"); got != "fine\n" {
		t.Errorf("a result beside: %q", got)
	}
	_ = filepath.WalkDir(s.store, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if b, _ := os.ReadFile(p); strings.Contains(string(b), "secret") && !strings.Contains(p, ".gp_metadata") {
				t.Errorf("%s has the node's file", p)
			}
		}
		return nil
	})
}

// freezing runs a job with a freezer.
func (s *rig) freezing(j job.Job) wrapper.Outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	d := s.deps()
	d.Freezer = &commit.Freezer{Engine: s.engine, Images: s.engine.Images(), Containers: s.engine, Version: "test", Log: s.t.Logf}
	out := wrapper.Run(ctx, ctx, j, d)
	s.nothingLeft()
	return out
}

// TestFreezeAndFrozen freezes a job, reads the image back, and runs it again from the frozen image with tasklib and
// library gone from the store.
func TestFreezeAndFrozen(t *testing.T) {
	for _, stage := range []string{job.PlaceMount, job.PlaceCopy} {
		t.Run(stage, func(t *testing.T) {
			s, r := newRig(t), registrytest.Start(t, registrytest.Options{})
			s.module()
			s.exec("cat /gp/tasklib/code.sh /gp/lib/deep/lib.txt /users/ann/in.txt >result", "echo private >/gp/tasklib/../../tmp/x", "echo $TOKEN >token")
			name := r.Host + "/frozen/mod"
			settings := append([]string{"stage", stage, "freeze", name, "frozen", "prefer"}, moduleSettings...)
			s.ended(s.freezing(s.job(testenv.ModuleImage(t), settings...)), 0, cause.None)
			rec := s.record()
			if rec.Freeze == nil || rec.Freeze.Outcome != commit.OutcomePushed || rec.Frozen == nil || rec.Frozen.Used {
				t.Fatalf("run.json: freeze %+v, frozen %+v", rec.Freeze, rec.Frozen)
			}
			t.Cleanup(func() { _ = s.engine.Images().RemoveImage(context.Background(), rec.Freeze.Reference) })
			_, tag, _ := strings.Cut(strings.TrimPrefix(rec.Freeze.Reference, r.Host), ":")
			if !strings.HasPrefix(tag, "2-") {
				t.Errorf("tag %q, want one of version 2", tag)
			}
			img := r.Image(t, "frozen/mod", tag)
			if strings.Contains(string(img.Raw), "hush") || strings.Contains(string(img.Raw), "TOKEN") || img.Digest != rec.Freeze.Digest {
				t.Errorf("configuration: %s", img.Raw)
			}
			for name, f := range img.Layers[len(img.Layers)-1].Files {
				if !strings.HasPrefix(name+"/", "gp/") || strings.Contains(string(f.Body), "private") {
					t.Errorf("%q is in the image: %q", name, f.Body)
				}
			}
			for _, dir := range []string{"gp", "jobs/1/result"} {
				if err := os.RemoveAll(filepath.Join(s.store, dir)); err != nil {
					t.Fatal(err)
				}
			}
			s.ended(s.freezing(s.job(testenv.ModuleImage(t), settings...)), 0, cause.None)
			if got := s.get("jobs/1/result"); got != "#!/bin/sh\necho code\nlibraryprivate input" {
				t.Errorf("the frozen module made %q", got)
			}
			if rec := s.record(); rec.Frozen == nil || !rec.Frozen.Used || len(rec.Frozen.Dirs) != 2 || rec.Freeze != nil {
				t.Errorf("run.json: frozen %+v, freeze %+v", rec.Frozen, rec.Freeze)
			}
			if n := len(r.Tags(t, "frozen/mod")); n != 1 {
				t.Errorf("%d tags", n)
			}
		})
	}
}

// TestFrozenBelowAMount runs a frozen image whose tasklib lies below a directory that is mounted, as a GenePattern server
// has it: the image's files are seen all the same.
func TestFrozenBelowAMount(t *testing.T) {
	s, r := newRig(t), registrytest.Start(t, registrytest.Options{})
	s.module()
	s.exec("cat /gp/tasklib/code.sh >result")
	settings := append([]string{"freeze", r.Host + "/frozen/below:1", "frozen", "prefer", "mount", "/gp"}, moduleSettings...)
	s.ended(s.freezing(s.job(testenv.ModuleImage(t), settings...)), 0, cause.None)
	t.Cleanup(func() { _ = s.engine.Images().RemoveImage(context.Background(), r.Host+"/frozen/below:1") })
	if err := os.RemoveAll(filepath.Join(s.store, "gp")); err != nil {
		t.Fatal(err)
	}
	s.put("jobs/1/result", "")
	s.ended(s.freezing(s.job(testenv.ModuleImage(t), settings...)), 0, cause.None)
	if got := s.get("jobs/1/result"); got != "#!/bin/sh\necho code\n" {
		t.Errorf("the frozen module made %q", got)
	}
}

// An adder is a sync script that brings a file into the tasklib.
type adder struct{}

func (adder) StageIn(_ context.Context, s wrapper.Workspace) (ferrysync.Stats, error) {
	if s.Job.Files.SyncScript == "" {
		return ferrysync.Stats{}, nil
	}
	return ferrysync.Stats{}, s.Root.WriteFile("gp/tasklib/added.txt", []byte("added\n"), 0o644)
}

// TestFrozenWithSyncScript runs a frozen image whose job has a sync script, as a GenePattern server's have: what the
// script adds is seen beside what the image holds.
func TestFrozenWithSyncScript(t *testing.T) {
	s, r := newRig(t), registrytest.Start(t, registrytest.Options{})
	s.module()
	s.exec("cat /gp/tasklib/code.sh /gp/lib/deep/lib.txt >result", "cat /gp/tasklib/added.txt >>result || true")
	settings := append([]string{"freeze", r.Host + "/frozen/script:1", "frozen", "prefer"}, moduleSettings...)
	s.ended(s.freezing(s.job(testenv.ModuleImage(t), settings...)), 0, cause.None)
	t.Cleanup(func() { _ = s.engine.Images().RemoveImage(context.Background(), r.Host+"/frozen/script:1") })
	if got := s.get("jobs/1/result"); got != "#!/bin/sh\necho code\nlibrary" {
		t.Fatalf("the module made %q", got)
	}
	if err := os.RemoveAll(filepath.Join(s.store, "gp")); err != nil {
		t.Fatal(err)
	}
	s.stager = adder{}
	s.ended(s.freezing(s.job(testenv.ModuleImage(t), append(settings, "sync-script", "sync.sh")...)), 0, cause.None)
	if got := s.get("jobs/1/result"); got != "#!/bin/sh\necho code\nlibraryadded\n" {
		t.Errorf("the frozen module made %q", got)
	}
	if rec := s.record(); rec.Frozen == nil || !rec.Frozen.Used {
		t.Errorf("run.json: %+v", rec.Frozen)
	}
}

// TestFreezeFails has a registry that nobody answers for: the job is as good as without.
func TestFreezeFails(t *testing.T) {
	s := newRig(t)
	s.module()
	s.exec("echo fine >result")
	out := s.freezing(s.job(testenv.ModuleImage(t), append([]string{"freeze", "127.0.0.1:1/no/registry:1", "frozen", "prefer"}, moduleSettings...)...))
	s.ended(out, 0, cause.None)
	rec := s.record()
	if s.get("jobs/1/result") != "fine\n" || rec.Freeze == nil || rec.Freeze.Outcome != commit.OutcomeFailed || rec.Freeze.Error == "" || len(rec.Warnings) == 0 {
		t.Errorf("run.json: %+v, warnings %q", rec.Freeze, rec.Warnings)
	}
}

// TestFailedModuleIsNotFrozen leaves the registry without an image.
func TestFailedModuleIsNotFrozen(t *testing.T) {
	s, r := newRig(t), registrytest.Start(t, registrytest.Options{})
	s.module()
	s.exec("exit 1")
	s.ended(s.freezing(s.job(testenv.ModuleImage(t), append([]string{"freeze", r.Host + "/frozen/failed:1"}, moduleSettings...)...)), 1, cause.None)
	if rec := s.record(); rec.Freeze != nil || len(r.Seen()) > 0 {
		t.Errorf("run.json: %+v; asked of the registry: %q", rec.Freeze, r.Seen())
	}
}
