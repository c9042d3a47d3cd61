package genepattern_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/process"
	"github.com/genepattern/ferry/frontend/genepattern"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
	"github.com/genepattern/ferry/wrapper"
)

// older makes the server's job one of the older form: no sync script, and an exec.sh that redirects nothing.
func older(s *server, lines ...string) {
	os.Remove(s.files + meta + "/aws-sync-from-s3.sh")
	s.write(meta+"/exec.sh", "#!/bin/bash\n\ncd "+workdir+"\n"+strings.Join(lines, "\n")+"\n")
	for name := range s.vars {
		if name != "GP_METADATA_DIR" && name != "GP_LOCAL_PREFIX" && name != "GP_JOB_DOCKER_IMAGE" {
			delete(s.vars, name)
		}
	}
}

// image mounts what images of the first generation have over the test's image.
func firstGeneration(s *server, pre, post string) {
	s.t.Helper()
	bin, build := s.t.TempDir(), s.t.TempDir()
	for name, text := range map[string]string{
		bin + "/runS3Batch_prerun_custom.sh": pre, bin + "/runS3Batch_postrun_custom.sh": post,
		bin + "/Rscript":                    "#!/bin/sh\necho \"Rscript $*\"\necho installing >&2\ncat \"$2\"\nexit 1\n",
		build + "/source/installPackages.R": "# installs\n",
	} {
		if text == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	s.flag("mount", bin+":/usr/local/bin", build+":/build")
}

// positional runs the job with the arguments of runS3OnBatch.sh.
func (s *server) positional(args ...string) wrapper.Outcome {
	s.t.Helper()
	r, err := genepattern.FromArgs(args, s.lookup, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	j, err := jobtest.Words.Describe(job.Merge(s.more, r.Settings), s.lookup)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Complete(&j)
	deps := s.deps()
	if j.Files.SyncScript == "" {
		deps.Stager = nil
	}
	if j.Container.Engine == job.EngineProcess {
		deps.Engine = process.New([]string{"PATH=" + os.Getenv("PATH"), "AWS_SECRET_ACCESS_KEY=x"})
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	return wrapper.Run(ctx, ctx, j, deps)
}

func TestOlderForm(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t))
	older(s, `echo "args $*, R_LIBS $R_LIBS"`, `cat "$2"`, `cat leftover.txt`, `echo oops >&2`, `echo result > result.txt`, `echo installed >> `+tasklib+`/pkg`, `exit 4`)
	firstGeneration(s, "echo pre $TASKLIB $WORKING_DIR $S3_ROOT\nexport R_LIBS=/r/libs\n", "echo post $? $GP_METADATA_DIR; ls $WORKING_DIR\n")
	s.write(workdir+"/leftover.txt", "from the working dir\n")
	s.push()
	out := s.positional(tasklib, " "+uploads+" ", "s3://"+s.s3.Bucket+"/beta", workdir, meta+"/exec.sh", "a b", train)
	s.ended(out, 4, cause.None)
	m := s.pull(meta)
	if want := "args a b " + train + ", R_LIBS /r/libs\ngene\t1\nfrom the working dir\n"; m["stdout.txt"] != want || m["stderr.txt"] != "oops\n" {
		t.Errorf("stdout.txt is %q, want %q; stderr.txt is %q", m["stdout.txt"], want, m["stderr.txt"])
	}
	if m["exit_code.txt"] != "{ \"exit_code\": 4 }\n" {
		t.Errorf("exit_code.txt is %q", m["exit_code.txt"])
	}
	if log := m["dockerout.log"]; !strings.HasPrefix(log, "pre "+tasklib+" "+workdir+" s3://") || !strings.Contains(log, "post ") || !strings.Contains(log, "result.txt") {
		t.Errorf("dockerout.log is %q", log)
	}
	if s.pull(workdir)["result.txt"] != "result\n" || s.pull(tasklib)["pkg"] != "installed\n" {
		t.Error("results or tasklib did not come back")
	}
	if m["r.package.installs.out.txt"] != "" {
		t.Error("packages were installed that nobody asked for")
	}
}

// A command of the image instead of a script, and an empty directory of inputs inside the working dir.
func TestOlderFormCommand(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	older(s, "exit 9")
	s.push()
	out := s.positional(tasklib, workdir+"/.inputs_for_101", "s3://"+s.s3.Bucket+"/beta", workdir, "cat "+tasklib+"/manifest")
	s.ended(out, 0, cause.None)
	if m := s.pull(meta); m["stdout.txt"] != "name=PreprocessDataset\n" {
		t.Errorf("stdout.txt is %q", m["stdout.txt"])
	}
}

// Without an image the script runs in ferry's own container, at its own paths, which here lie below a test's directory.
func TestOlderFormHere(t *testing.T) {
	t.Parallel()
	s := newServer(t, "")
	here := t.TempDir()
	dir := func(p string) string { return here + p }
	s.write(dir(workdir)+"/.gp_metadata/exec.sh", "#!/bin/bash\ncd "+dir(workdir)+"\ncat "+dir(tasklib)+"/manifest; echo x > result.txt; env; exit 6\n")
	s.write(dir(tasklib)+"/manifest", "name=here\n")
	s.write(dir(uploads)+"/a", "")
	s.vars = map[string]string{"GP_LOCAL_PREFIX": s.vars["GP_LOCAL_PREFIX"]}
	delete(s.more, "network") // which ferry's own container could not keep from the module
	s.push()
	out := s.positional(dir(tasklib), dir(uploads), "s3://"+s.s3.Bucket+"/beta", dir(workdir), dir(workdir)+"/.gp_metadata/exec.sh")
	s.ended(out, 6, cause.None)
	results := s.pull(dir(workdir))
	if results["result.txt"] != "x\n" || results[".gp_metadata/exit_code.txt"] != "{ \"exit_code\": 6 }\n" {
		t.Errorf("results are %q", results)
	}
	if log := results[".gp_metadata/stdout.txt"]; !strings.HasPrefix(log, "name=here\n") || strings.Contains(log, "AWS_") {
		t.Errorf("stdout.txt is %q", log)
	}
	if left, err := os.ReadDir(here); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// The module runs whatever becomes of its packages.
func TestPackages(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	s.write(tasklib+"/r.package.info", "package,version\n")
	s.exec("echo ran")
	s.syncScript()
	firstGeneration(s, "", "")
	// A flag's mounts replace the server's, so these are given again.
	v := s.more["mount"]
	v.Values = append(v.Values, uploads, "/opt/gp/taskLib", scripts)
	s.more["mount"] = v
	out, m := s.run()
	s.ended(out, 0, cause.None)
	if want := "Rscript /build/source/installPackages.R " + tasklib + "/r.package.info\npackage,version\n"; m["r.package.installs.out.txt"] != want {
		t.Errorf("r.package.installs.out.txt is %q, want %q", m["r.package.installs.out.txt"], want)
	}
	if m["r.package.installs.err.txt"] != "installing\n" || m["stdout.txt"] != "ran\n" || !strings.Contains(m["dockererr.log"], "status 1") {
		t.Errorf("metadata is %q", m)
	}
}

// While the module runs, its output so far is in the store, with a line of statistics.
func TestOutputSoFar(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	s.exec("sh -c 'echo so far; while [ ! -e stop ]; do sleep 0.1; done; echo done'")
	s.syncScript()
	seen := make(chan map[string]string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(seen)
		var m map[string]string
		for m["stdout.txt"] == "" && ctx.Err() == nil {
			time.Sleep(time.Second)
			m = s.pull(meta)
		}
		seen <- m
		if root := filepath.Join(s.vars["GP_LOCAL_PREFIX"], "101.1"); ctx.Err() == nil {
			if err := os.WriteFile(root+workdir+"/stop", nil, 0o644); err != nil {
				t.Error(err)
			}
		}
	}()
	out, last := s.run()
	s.ended(out, 0, cause.None)
	cancel()
	m := <-seen
	if m["stdout.txt"] != "so far\n" || !strings.Contains(m["docker_stats.txt"], "memory=") || m["exit_code.txt"] != "" {
		t.Errorf("while the module ran: %q", m)
	}
	if last["stdout.txt"] != "so far\ndone\n" || last["docker_stats.txt"] == "" {
		t.Errorf("after it ended: %q", last)
	}
}
