package genepattern

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
)

// environment makes a lookup and a list of variables.
func environment(vars map[string]string) (Lookup, []string) {
	var list []string
	for k, v := range vars {
		list = append(list, k+"="+v)
	}
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, list
}

// serverVars are the variables that the server's runOnBatch script gives a job, in the order and with the doubles it has.
func serverVars() map[string]string {
	return map[string]string{
		"STDERR_FILENAME": "/opt/gp/jobs/101.meta/stderr.txt", "GP_JOB_ID": "101", "GP_USER_ID": "ann@example.org",
		"GP_JOB_WORKING_DIR": "/opt/gp/jobs/101", "GP_WORKING_DIR": "/opt/gp/jobs/101",
		"GP_JOB_METADATA_DIR": "/opt/gp/jobs/101.meta", "GP_METADATA_DIR": "/opt/gp/jobs/101.meta",
		"GP_MODULE_NAME": "PreprocessDataset", "GP_MODULE_LSID": "urn:lsid:broad.mit.edu:cancer.software.genepattern.module.analysis:00020:6",
		"GP_MODULE_DIR": "/opt/gp/taskLib/PreprocessDataset.6.1", "GP_TASKLIB": "/opt/gp/taskLib/PreprocessDataset.6.1",
		"AWS_S3_PREFIX": "s3://gp-example/beta", "S3_ROOT": "s3://gp-example/beta", "GP_S3_ROOT": "s3://gp-example/beta",
		"GP_LOCAL_PREFIX": "/local", "GP_AWS_SYNC_SCRIPT_NAME": "aws-sync-from-s3.sh",
		"GP_JOB_DOCKER_BIND_MOUNTS": "/opt/gp/users/ann@example.org/uploads:/opt/gp/taskLib:/opt/gp/wrapper_scripts:/opt/gp/jobs/101",
		"GP_DOCKER_MOUNT_POINTS":    "/opt/gp/users/ann@example.org/uploads:/opt/gp/taskLib:/opt/gp/wrapper_scripts:/opt/gp/jobs/101",
		"GP_JOB_DOCKER_IMAGE":       "genepattern/docker-java17:0.12", "GP_DOCKER_CONTAINER": "genepattern/docker-java17:0.12",
		"GP_JOB_WALLTIME_SEC": "7200", "GP_CONTAINER_CANT_RUN_AS_ROOT": "false", "GP_READONLY_BIND_MOUNTS": "True",
	}
}

func describe(t *testing.T, r Request) job.Job {
	t.Helper()
	j, err := jobtest.Words.Describe(r.Settings, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	r.Complete(&j)
	return j
}

func TestServerVariables(t *testing.T) {
	r := FromEnv(environment(serverVars()))
	if r.Form != FormServer || r.Debug || len(r.Ignored) != 0 || len(r.Notes) != 0 {
		t.Errorf("request is %+v", r)
	}
	j := describe(t, r)
	want := job.Job{
		Remote: "s3://gp-example/beta", LocalPrefix: "/local", Walltime: 2 * time.Hour, Grace: 25 * time.Second,
		Identity:  job.Identity{ID: "101", User: "ann@example.org", Attempt: 1},
		Container: job.Container{Engine: job.EngineDocker, Image: "genepattern/docker-java17:0.12", User: "image", Network: "ferry", ReadOnlyInputs: true, Placement: "mount"},
		Dirs: job.Dirs{Work: "/opt/gp/jobs/101", Metadata: "/opt/gp/jobs/101.meta", Tasklib: "/opt/gp/taskLib/PreprocessDataset.6.1",
			Mounts: []job.Mount{{Path: "/opt/gp/users/ann@example.org/uploads", Writable: true}, {Path: "/opt/gp/taskLib", Writable: true},
				{Path: "/opt/gp/wrapper_scripts", Writable: true}}},
		Program: job.Program{Exec: "/opt/gp/jobs/101.meta/exec.sh", Env: []string{"GP_JOB_METADATA_DIR=/opt/gp/jobs/101.meta"}},
		Freeze:  job.Freeze{Frozen: "never"},
		Module:  job.Module{Name: "PreprocessDataset", LSID: "urn:lsid:broad.mit.edu:cancer.software.genepattern.module.analysis:00020:6"},
		Files: job.Files{Stdout: "/opt/gp/jobs/101.meta/stdout.txt", Stderr: "/opt/gp/jobs/101.meta/stderr.txt",
			ExitCode: "/opt/gp/jobs/101.meta/exit_code.txt", SyncScript: "aws-sync-from-s3.sh"},
	}
	want.Program.Launch = j.Program.Launch
	if !reflect.DeepEqual(j, want) {
		t.Errorf("job is\n%+v, want\n%+v", j, want)
	}
	if !strings.Contains(j.Program.Launch, "r.package.info") || !strings.HasSuffix(j.Program.Launch, "exec \"$@\"\n") {
		t.Errorf("launcher is %q", j.Program.Launch)
	}
}

func TestOlderNames(t *testing.T) {
	for _, c := range []struct{ name, option string }{
		{"S3_ROOT", "remote"}, {"GP_S3_ROOT", "remote"}, {"GP_DOCKER_CONTAINER", "image"}, {"GP_WORKING_DIR", "workdir"},
		{"GP_METADATA_DIR", "metadata-dir"}, {"GP_TASKLIB", "module-dir"}, {"GP_DOCKER_MOUNT_POINTS", "mount"},
	} {
		r := FromEnv(environment(map[string]string{c.name: " \t/some/value\n"}))
		if s := r.Settings[c.option]; !slices.Equal(s.Values, []string{"/some/value"}) || s.From != c.name {
			t.Errorf("%s gives %s %+v", c.name, c.option, s)
		}
	}
	// The newer name counts, unless it is empty.
	r := FromEnv(environment(map[string]string{"AWS_S3_PREFIX": "s3://new", "S3_ROOT": "s3://old", "GP_TASKLIB": "/old", "GP_MODULE_DIR": " "}))
	if r.Settings["remote"].Values[0] != "s3://new" || r.Settings["module-dir"].Values[0] != "/old" {
		t.Errorf("settings are %+v", r.Settings)
	}
}

func TestSpecialVariables(t *testing.T) {
	vars := map[string]string{
		"GP_JOB_WORKING_DIR": "/jobs/1", "MOD_LIBS": "/usr/lib/R=x", "MOD_LIBS_S3": " /rlibs/r3 ", "GP_MODULE_SPECIFIC_CONTAINER": "auto",
		"GP_JOB_DOCKER_BIND_MOUNTS": " /a : :/b/ : /jobs/1/ ", "DEBUG_LEVEL": "2", "GP_NEW_THING": "x", "GP_JOB_QUEUE": "q", "HOME": "/root",
		"GP_MODULE_EXEC": "/jobs/1/run.sh", "STDOUT_FILENAME": "out.txt", "EXITCODE_FILENAME": "/jobs/1/code.txt",
	}
	r := FromEnv(environment(vars))
	want := map[string][]string{
		"workdir": {"/jobs/1"}, "library": {`/usr/lib/R\=x=/rlibs/r3`}, "freeze": {"auto"}, "frozen": {"prefer"}, "mount": {"/a", "/b/"},
		"sync-script": {DefaultSyncScript}, "exec": {"/jobs/1/run.sh"},
		"stdout-file": {"out.txt"}, "exit-code-file": {"/jobs/1/code.txt"},
	}
	for name, values := range want {
		if !slices.Equal(r.Settings[name].Values, values) {
			t.Errorf("%s is %q, want %q", name, r.Settings[name].Values, values)
		}
	}
	if len(r.Settings) != len(want) || !r.Debug || !slices.Equal(r.Ignored, []string{"GP_JOB_QUEUE", "GP_NEW_THING"}) {
		t.Errorf("request is %+v", r)
	}
	vars["GP_JOB_CONTAINER_DONT_USE_CACHE"] = "false" // any value
	if r := FromEnv(environment(vars)); r.Settings["frozen"].Values[0] != "never" {
		t.Errorf("frozen is %+v", r.Settings["frozen"])
	}
	delete(vars, "MOD_LIBS_S3")
	if r := FromEnv(environment(vars)); r.Settings["library"].Values != nil || len(r.Notes) != 1 {
		t.Errorf("request is %+v", r)
	}
}

func TestNoVariables(t *testing.T) {
	if r := FromEnv(environment(map[string]string{"PATH": "/bin"})); r.Form != FormNone || len(r.Settings) != 0 {
		t.Errorf("request is %+v", r)
	}
}

func TestBadVariables(t *testing.T) {
	for name, value := range map[string]string{
		"GP_JOB_WORKING_DIR": "jobs/1", "GP_MODULE_DIR": "/a/../b", "GP_JOB_DOCKER_BIND_MOUNTS": "/a:b", "GP_JOB_WALLTIME_SEC": "soon",
		"GP_READONLY_BIND_MOUNTS": "perhaps", "GP_AWS_SYNC_SCRIPT_NAME": "../x.sh", "GP_JOB_ID": "a/b", "GP_LOCAL_PREFIX": "local",
		"STDERR_FILENAME": "../x", "GP_MODULE_EXEC": "exec.sh",
	} {
		vars := serverVars()
		vars[name] = value
		_, err := jobtest.Words.Describe(FromEnv(environment(vars)).Settings, nil)
		if cause.Of(err) != cause.Usage || err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s=%s gives %v", name, value, err)
		}
	}
}

func TestPositional(t *testing.T) {
	vars := map[string]string{"GP_JOB_DOCKER_IMAGE": "r:2.7", "GP_METADATA_DIR": "/jobs/1.meta"}
	lookup, list := environment(vars)
	r, err := FromArgs([]string{" /lib/m ", "/users/ann/in", "s3://b/p", "/jobs/1", "/jobs/1.meta/exec.sh", "x y"}, lookup, list)
	if err != nil {
		t.Fatal(err)
	}
	j := describe(t, r)
	if j.Dirs.Tasklib != "/lib/m" || j.Remote != "s3://b/p" || j.Dirs.Work != "/jobs/1" || j.Dirs.Metadata != "/jobs/1.meta" || j.Files.SyncScript != "" ||
		!slices.Equal(j.Dirs.Outputs, []string{"/lib/m"}) || !slices.Equal(j.Program.Args, []string{"x y"}) || j.Container.Engine != job.EngineDocker ||
		!slices.Equal(j.Dirs.Inputs, []job.Input{{Path: "/jobs/1", URL: j.URL("/jobs/1")}, {Path: "/users/ann/in", URL: j.URL("/users/ann/in")}}) || j.Program.Command != nil {
		t.Errorf("job is %+v", j)
	}
	// Without an image the script runs right here; a command by name is the image's own, split as the first wrapper's shell did.
	r, err = FromArgs([]string{"/lib/m", "/jobs/1/.inputs_for_1", "s3://b/p", "/jobs/1", "java -cp /lib", "a b"}, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	j = describe(t, r)
	if j.Container.Engine != job.EngineProcess || !slices.Equal(j.Program.Command, []string{"java", "-cp", "/lib", "a b"}) || len(j.Dirs.Inputs) != 1 {
		t.Errorf("job is %+v", j)
	}
	for _, args := range [][]string{nil, {"a", "b", "c", "d"}, {"/a", " ", "s3://b", "/d", "/e"}} {
		if _, err := FromArgs(args, lookup, nil); cause.Of(err) != cause.Usage {
			t.Errorf("%q gives %v", args, err)
		}
	}
}

func TestFormOf(t *testing.T) {
	for name, form := range map[string]Form{"/usr/local/bin/copyFromS3ThenRun.sh": FormServer, "runS3OnBatch.sh": FormPositional, "/ferry": FormNone} {
		if FormOf(name) != form {
			t.Errorf("%s is form %d", name, FormOf(name))
		}
	}
}
