package genepattern_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// A whole job as the server asks for it: a file name with spaces and brackets, a tasklib that the script names too, an
// executable, a URL, and a file that is not in the store.
func TestJob(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "class file "+r.URL.RawQuery) }))
	defer web.Close()
	s := newServer(t, testenv.ModuleImage(t))
	s.inputs = append(s.inputs, uploads+"/not there.txt")
	s.write(uploads+"/other user's.gct", "not asked for")
	s.urls = [][2]string{{web.URL + "/all_aml.cls?a=1&b=2", workdir + "/remote data.cls"}}
	s.tail = "aws s3 sync \"" + s.vars["AWS_S3_PREFIX"] + tasklib + "\" " + s.vars["GP_LOCAL_PREFIX"] + tasklib + " --only-show-errors\n"
	s.write(meta+"/exit_code.txt", "{ \"exit_code\": 9 }\n") // an earlier attempt's
	s.exec(scripts + `/run.sh sh -c 'sh ` + tasklib + `/tool.sh "` + train + `"; cat "remote data.cls"; echo warning >&2; ls ` + uploads + `; ` +
		`echo changed >> ` + tasklib + `/manifest; mkdir -p plots; echo x > "plots/p 1.pdf"; echo $GP_JOB_METADATA_DIR'`)
	s.syncScript()
	out, m := s.run()
	s.ended(out, 0, cause.None)
	if want := "gene\t1\nclass file a=1&b=2all aml [train] (1).gct\n" + meta + "\n"; m["stdout.txt"] != want {
		t.Errorf("stdout.txt is %q, want %q", m["stdout.txt"], want)
	}
	if m["stderr.txt"] != "warning\n" || m["exit_code.txt"] != "{ \"exit_code\": 0 }\n" || m["docker_exit_code.txt"] != "0\n" {
		t.Errorf("metadata is %q", m)
	}
	results := s.pull(workdir)
	if !slices.Equal(keys(results), []string{"plots/p 1.pdf"}) {
		t.Errorf("results are %q", results)
	}
	for _, log := range []string{m["s3_downloads.log"], m["transfer.log"], s.log.String(), m["run.json"]} {
		if !strings.Contains(log, "not there.txt is not in the store") {
			t.Errorf("the missing file is not named in %q", log)
		}
	}
	if !strings.Contains(m["s3_downloads.log"], "download: s3://"+s.s3.Bucket+"/beta"+train+" to "+s.vars["GP_LOCAL_PREFIX"]+train+"\n") {
		t.Errorf("s3_downloads.log is %q", m["s3_downloads.log"])
	}
	if n := strings.Count(m["transfer.log"], tasklib+"/manifest\""); n != 1 {
		t.Errorf("the tasklib, which the script names too, was fetched %d times", n)
	}
	if !strings.Contains(m["http_downloads.log"], "200 OK") || strings.Contains(m["http_downloads.log"], "b=2") {
		t.Errorf("http_downloads.log is %q", m["http_downloads.log"])
	}
	if got := s.pull(tasklib)["manifest"]; got != "name=PreprocessDataset\n" {
		t.Errorf("the store's tasklib was changed to %q", got)
	}
}

// The module's code is the one in the file, exec.sh itself ending with 0; its files and logs come back all the same.
func TestModuleFails(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t))
	s.exec(`sh -c 'echo partial > result.txt; echo went wrong >&2; exit 3'`)
	s.syncScript()
	out, m := s.run()
	s.ended(out, 3, cause.None)
	if m["stderr.txt"] != "went wrong\n" || m["docker_exit_code.txt"] != "0\n" || s.pull(workdir)["result.txt"] != "partial\n" {
		t.Errorf("metadata is %q", m)
	}
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	s.exec(`sh -c 'i=0; while [ $i -lt 2000 ]; do echo $i > "out $i.txt"; i=$((i+1)); done'`)
	s.syncScript()
	out, _ := s.run()
	s.ended(out, 0, cause.None)
	results := s.pull(workdir)
	if len(results) != 2000 || results["out 1999.txt"] != "1999\n" {
		t.Errorf("%d results", len(results))
	}
}

// A module that is not root writes its working dir, metadata dir and tasklib, which lies in a read-only bind, and nothing
// else; on the node nobody else gains by it.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.User))
	s.vars["GP_READONLY_BIND_MOUNTS"], s.vars["GP_CONTAINER_CANT_RUN_AS_ROOT"] = "true", "true"
	s.flag("keep", "true")
	s.exec(`sh -c 'id -u; echo x > ` + tasklib + `/new && echo tasklib; echo x > in_workdir && echo workdir; echo x > ` + meta + `/extra && echo metadata; ` +
		`echo x > ` + uploads + `/new || echo no uploads; echo x > /opt/gp/taskLib/new || echo no bind; cat "` + train + `"'`)
	s.syncScript()
	out, m := s.run()
	s.ended(out, 0, cause.None)
	if want := "1000\ntasklib\nworkdir\nmetadata\nno uploads\nno bind\ngene\t1\n"; m["stdout.txt"] != want || m["extra"] != "x\n" {
		t.Errorf("stdout.txt is %q, want %q; stderr.txt %q", m["stdout.txt"], want, m["stderr.txt"])
	}
	root := filepath.Join(s.vars["GP_LOCAL_PREFIX"], "101.1")
	st, err := os.Stat(root)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the attempt's root is %v, %v", st, err)
	}
	// Private inputs are gone even though local files are kept.
	if _, err := os.Stat(root + uploads); err == nil {
		t.Error("private inputs are left on the node")
	}
	if _, err := os.Stat(root + tasklib); err != nil {
		t.Errorf("--keep kept nothing: %v", err)
	}
}

func TestWalltime(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	s.vars["GP_JOB_WALLTIME_SEC"] = "2"
	s.exec(`sh -c 'echo begun; echo x > partial; sleep 100'`)
	s.syncScript()
	out, m := s.run()
	s.ended(out, 142, cause.Walltime)
	if !strings.Contains(m["stdout.txt"], "begun") || s.pull(workdir)["partial"] != "x\n" || !strings.Contains(m["stderr.txt"], "walltime") {
		t.Errorf("metadata is %q", m)
	}
}

// What cannot run says so in one line where the user looks, in ferry's log, and by a code of the contract.
func TestBadJobs(t *testing.T) {
	image := testenv.ModuleImage(t)
	for name, c := range map[string]struct {
		spoil func(s *server)
		cause cause.Cause
		says  string
	}{
		"no script":       {func(s *server) { os.Remove(s.files + meta + "/aws-sync-from-s3.sh") }, cause.StageIn, `"aws-sync-from-s3.sh" is not in the metadata dir`},
		"no shell script": {func(s *server) { s.write(meta+"/aws-sync-from-s3.sh", "aws s3 sync \"s3://x\n") }, cause.StageIn, "line 1"},
		"other command":   {func(s *server) { s.write(meta+"/aws-sync-from-s3.sh", "\ncurl -O http://x/\n") }, cause.Refused, `line 2: command "curl"`},
		"dots in script":  {func(s *server) { s.write(meta+"/aws-sync-from-s3.sh", "rm -rf /local/../etc\n") }, cause.Refused, `".."`},
		"relative bind":   {func(s *server) { s.vars["GP_JOB_DOCKER_BIND_MOUNTS"] += ":data" }, cause.Usage, `GP_JOB_DOCKER_BIND_MOUNTS: "data"`},
		"dots in bind":    {func(s *server) { s.vars["GP_JOB_DOCKER_BIND_MOUNTS"] += ":/opt/../etc" }, cause.Usage, `GP_JOB_DOCKER_BIND_MOUNTS: "/opt/../etc"`},
		"relative dir":    {func(s *server) { s.vars["GP_MODULE_DIR"] = "taskLib" }, cause.Usage, `GP_MODULE_DIR: "taskLib"`},
		"bind is a file":  {func(s *server) { s.vars["GP_JOB_DOCKER_BIND_MOUNTS"] += ":" + train }, cause.StageIn, "all aml [train] (1).gct is to be a file"},
		"root":            {func(s *server) { s.vars["GP_CONTAINER_CANT_RUN_AS_ROOT"] = "TRUE" }, cause.Refused, "runs as root"},
		"no tasklib":      {func(s *server) { os.RemoveAll(s.files + tasklib) }, cause.StageIn, tasklib},
		"no exec.sh":      {func(s *server) { os.Remove(s.files + meta + "/exec.sh") }, cause.Launch, "exec.sh"},
		"other bucket": {func(s *server) {
			s.tail = ""
			s.write(meta+"/aws-sync-from-s3.sh", "aws s3 sync s3://elsewhere/x /local/opt/x\n")
		}, cause.Refused, "outside the remote root"},
		"other bucket, allowed": {func(s *server) {
			s.flag("allow-source", "s3://elsewhere")
			s.write(meta+"/aws-sync-from-s3.sh", "aws s3 sync s3://elsewhere/x /local/opt/x\n")
		}, cause.StageIn, "elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, image)
			s.write(meta+"/stderr.txt", "an earlier attempt's\n")
			s.exec("echo ran")
			s.syncScript()
			c.spoil(s)
			out, m := s.run()
			s.ended(out, c.cause.Code(), c.cause)
			if !strings.Contains(m["stderr.txt"], c.says) || strings.Count(m["stderr.txt"], "\n") != 1 || strings.Contains(m["stderr.txt"], "earlier") {
				t.Errorf("stderr.txt is %q, want it to say %q", m["stderr.txt"], c.says)
			}
			if out.Err == nil || !strings.Contains(out.Err.Error(), c.says) {
				t.Errorf("the error is %v", out.Err)
			}
			if strings.Contains(m["stdout.txt"], "ran") {
				t.Error("the module ran")
			}
		})
	}
}

// A URL that fails is what the script says; the job goes on.
func TestURLFails(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	s.urls = [][2]string{{"http://127.0.0.1:1/gone.cls", workdir + "/gone.cls"}, {"http://169.254.169.254/latest/meta-data/iam/", workdir + "/role"}}
	s.exec("ls")
	s.syncScript()
	out, m := s.run()
	s.ended(out, 0, cause.None)
	if m["stdout.txt"] != "" || strings.Count(m["http_downloads.log"], "failed\n") != 2 || !strings.Contains(s.log.String(), "gone.cls") {
		t.Errorf("metadata is %q", m)
	}
}

// A module that rewrites its script asks for a second attempt, which would fetch another user's file with ferry's credentials. The
// store keeps the script that the server wrote.
func TestScriptOfTheModule(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	s.write("/opt/gp/users/bob/uploads/private.txt", "bob's\n")
	s.syncScript()
	evil := "aws s3 cp " + s.vars["AWS_S3_PREFIX"] + "/opt/gp/users/bob/uploads/private.txt " + s.vars["GP_LOCAL_PREFIX"] + workdir + "/private.txt"
	s.exec("echo '" + evil + "' > " + meta + "/aws-sync-from-s3.sh; echo 'cat private.txt' > " + meta + "/exec.sh; exit 75;")
	want := map[string]string{}
	for _, name := range []string{"aws-sync-from-s3.sh", "exec.sh"} {
		b, err := os.ReadFile(s.files + meta + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = string(b)
	}
	_, m := s.run()
	for name, text := range want {
		if m[name] != text {
			t.Errorf("the store's %s is %q", name, m[name])
		}
	}
	if _, ok := s.pull(workdir)["private.txt"]; ok {
		t.Error("another user's file came")
	}
}

// Library dirs are at their path, from their place in the store.
func TestLibraries(t *testing.T) {
	t.Parallel()
	s := newServer(t, testenv.ModuleImage(t, testenv.Sh))
	s.vars["MOD_LIBS"], s.vars["MOD_LIBS_S3"] = "/usr/local/lib/R/site-library", "/Rlibraries/R27/rlibs"
	s.write("/Rlibraries/R27/rlibs/pkg/DESCRIPTION", "Package: pkg\n")
	s.exec("cat /usr/local/lib/R/site-library/pkg/DESCRIPTION")
	s.syncScript()
	out, m := s.run()
	s.ended(out, 0, cause.None)
	if m["stdout.txt"] != "Package: pkg\n" {
		t.Errorf("metadata is %q", m)
	}
}
