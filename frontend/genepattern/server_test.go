package genepattern_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/engine/enginetest"
	"github.com/genepattern/ferry/frontend/genepattern"
	"github.com/genepattern/ferry/frontend/genepattern/syncscript"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/stores"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/record"
)

// A server is a GenePattern server's side of one job: its files, its bucket, and what it gives the job.
type server struct {
	t      *testing.T
	s3     *testenv.Server
	files  string            // the server's file system
	vars   map[string]string // the job's variables
	more   job.Settings      // flags on top
	inputs []string          // paths of input files and directories, in the order of the script
	urls   [][2]string       // URL and path
	tail   string            // lines at the end of the sync script

	store store.Store
	sync  *ferrysync.Engine
	log   bytes.Buffer
	out   bytes.Buffer
	mu    sync.Mutex
}

const (
	user    = "ann@example.org"
	uploads = "/opt/gp/users/" + user + "/uploads"
	tasklib = "/opt/gp/taskLib/PreprocessDataset.6.1"
	scripts = "/opt/gp/wrapper_scripts"
	workdir = "/opt/gp/jobs/101"
	meta    = "/opt/gp/jobs/101.meta"
	train   = uploads + "/all aml [train] (1).gct"
)

func newServer(t *testing.T, image string) *server {
	t.Helper()
	s := &server{t: t, s3: testenv.S3(t), files: t.TempDir(), sync: ferrysync.New(ferrysync.Config{}), more: job.Settings{}}
	conf := aws.Config{Region: s.s3.Region, BaseEndpoint: &s.s3.Endpoint, Credentials: aws.NewCredentialsCache(
		credentials.NewStaticCredentialsProvider(s.s3.AccessKey, s.s3.SecretKey, ""))}
	s.store = s3.New(conf, s.s3.Bucket, s3.Options{})
	local := filepath.Join(t.TempDir(), "local")
	remote := "s3://" + s.s3.Bucket + "/beta"
	binds := strings.Join([]string{uploads, "/opt/gp/taskLib", scripts, workdir}, ":")
	s.vars = map[string]string{
		"STDERR_FILENAME": meta + "/stderr.txt", "GP_JOB_ID": "101", "GP_USER_ID": user, "GP_JOB_WORKING_DIR": workdir, "GP_WORKING_DIR": workdir,
		"GP_JOB_METADATA_DIR": meta, "GP_METADATA_DIR": meta, "GP_MODULE_NAME": "PreprocessDataset",
		"GP_MODULE_LSID": "urn:lsid:broad.mit.edu:cancer.software.genepattern.module.analysis:00020:6.1", "GP_MODULE_DIR": tasklib,
		"GP_TASKLIB": tasklib, "AWS_S3_PREFIX": remote, "S3_ROOT": remote, "GP_S3_ROOT": remote, "GP_LOCAL_PREFIX": local,
		"GP_AWS_SYNC_SCRIPT_NAME": "aws-sync-from-s3.sh", "GP_JOB_DOCKER_BIND_MOUNTS": binds, "GP_DOCKER_MOUNT_POINTS": binds,
		"GP_JOB_DOCKER_IMAGE": image, "GP_DOCKER_CONTAINER": image, "GP_JOB_WALLTIME_SEC": "7200",
		"GP_CONTAINER_CANT_RUN_AS_ROOT": "false", "GP_READONLY_BIND_MOUNTS": "false",
	}
	s.flag("network", "none")
	s.write(tasklib+"/manifest", "name=PreprocessDataset\n")
	s.write(tasklib+"/tool.sh", "#!/bin/sh\ncat \"$1\"\n")
	s.write(train, "gene\t1\n")
	s.write(scripts+"/run.sh", "#!/bin/sh\nexec \"$@\"\n")
	if err := os.Chmod(s.files+scripts+"/run.sh", 0o755); err != nil {
		t.Fatal(err)
	}
	s.inputs = []string{train, tasklib, scripts + "/run.sh"}
	return s
}

func (s *server) flag(name string, values ...string) {
	s.more[name] = job.Setting{Values: values, From: "--" + name}
}

// write makes a file on the server.
func (s *server) write(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.files+path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.files+path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// exec writes exec.sh as the server's runOnBatch script does, from the module's command line.
func (s *server) exec(command string) {
	s.write(meta+"/exec.sh", "#!/usr/bin/env bash\n\ncd "+workdir+"\n"+command+"  2>"+meta+"/stderr.txt >"+meta+"/stdout.txt\nexit_code=$?;\n"+
		"echo \"{ \\\"exit_code\\\": $exit_code }\" >> "+meta+"/exit_code.txt\nexit $?;\n")
}

// syncScript writes the script as the server's job runner does.
func (s *server) syncScript() {
	local := s.vars["GP_LOCAL_PREFIX"]
	var b strings.Builder
	b.WriteString("#!/usr/bin/env bash\n")
	for _, in := range s.inputs {
		st, err := os.Stat(s.files + in)
		args := []string{"s3", "sync", s.vars["AWS_S3_PREFIX"] + in, local + in}
		if err != nil || !st.IsDir() {
			args = []string{"s3", "sync", s.vars["AWS_S3_PREFIX"] + filepath.Dir(in), local + filepath.Dir(in), "--exclude", "*", "--include", filepath.Base(in)}
		}
		b.WriteString("aws \\\n")
		for _, a := range args {
			b.WriteString("    \"" + a + "\"  \\\n")
		}
		b.WriteString(" >> " + local + meta + "/s3_downloads.log\n\n")
		if err == nil && st.Mode().IsRegular() && st.Mode()&0o100 != 0 {
			b.WriteString("chmod u+x \"" + local + in + "\"\n\n")
		}
	}
	for _, u := range s.urls {
		b.WriteString("wget -S -T 60 -O \"" + local + u[1] + "\" \"" + u[0] + "\" >> " + local + meta + "/http_downloads.log 2>&1 || echo \"download of " + filepath.Base(u[1]) + " failed\" >> " + local + meta + "/http_downloads.log\n\n")
		b.WriteString("chmod u+rw \"" + local + u[1] + "\"\n\n")
	}
	s.write(meta+"/aws-sync-from-s3.sh", b.String()+s.tail)
}

// push sends the server's files to the bucket, as `aws s3 sync` does.
func (s *server) push() {
	s.t.Helper()
	root, err := os.OpenRoot(s.files)
	if err != nil {
		s.t.Fatal(err)
	}
	defer root.Close()
	if _, err := s.sync.Up(s.t.Context(), root, s.store, "beta", ferrysync.Options{}); err != nil {
		s.t.Fatal(err)
	}
}

// pull is what the bucket holds below a directory, by path.
func (s *server) pull(dir string) map[string]string {
	s.t.Helper()
	tmp := s.t.TempDir()
	root, err := os.OpenRoot(tmp)
	if err != nil {
		s.t.Fatal(err)
	}
	defer root.Close()
	if _, err := s.sync.Down(s.t.Context(), s.store, "beta"+dir, root, ferrysync.Options{}); err != nil {
		s.t.Fatal(err)
	}
	all := map[string]string{}
	err = filepath.WalkDir(tmp, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(tmp, p)
		all[rel] = string(data)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// deps are what the transfer image runs the job with.
func (s *server) deps() wrapper.Deps {
	s.t.Helper()
	eng, err := docker.New(docker.Config{Host: testenv.Docker(s.t)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = eng.Close() })
	return wrapper.Deps{
		Engine: enginetest.OnHost{Engine: eng}, Transfer: s.sync,
		Open: func(_ context.Context, url string) (store.Store, string, error) {
			at, _, err := stores.All.Parse(url)
			if err == nil && at.Bucket != s.s3.Bucket {
				err = fmt.Errorf("bucket %q", at.Bucket)
			}
			return s.store, at.Prefix, err
		},
		Stager: syncscript.Stager{}, Log: zerolog.New(s), Stdout: &s.out, Stderr: &s.out, Version: "test",
	}
}

func (s *server) lookup(name string) (string, bool) { v, ok := s.vars[name]; return v, ok }

// describe makes the job as ferry does.
func (s *server) describe() (job.Job, job.Settings, error) {
	r := genepattern.FromEnv(s.lookup, nil)
	all := job.Merge(s.more, r.Settings)
	j, err := jobtest.Words.Describe(all, s.lookup)
	if err == nil {
		r.Complete(&j)
	}
	return j, all, err
}

// run pushes, runs the job to its end, and checks that the record and the exit code in the bucket say what the outcome
// says. It returns the outcome and the metadata dir.
func (s *server) run() (wrapper.Outcome, map[string]string) {
	s.t.Helper()
	s.push()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	var out wrapper.Outcome
	if j, all, err := s.describe(); err != nil {
		known, _ := jobtest.Words.Glimpse(all)
		out = wrapper.Refuse(ctx, known, err, s.deps())
	} else {
		out = wrapper.Run(ctx, ctx, j, s.deps())
	}
	m := s.pull(meta)
	var file struct {
		Code int `json:"exit_code"`
	}
	if err := json.NewDecoder(strings.NewReader(m["exit_code.txt"])).Decode(&file); err != nil || file.Code != out.Code {
		s.t.Errorf("exit_code.txt is %q (%v), the outcome %+v", m["exit_code.txt"], err, out)
	}
	var rec record.Record
	if err := json.Unmarshal([]byte(m["run.json"]), &rec); err != nil || rec.ExitCode != out.Code || rec.Cause != out.Cause {
		s.t.Errorf("run.json is %s (%v), the outcome %+v", m["run.json"], err, out)
	}
	if s.more["keep"].Values != nil {
		s.t.Cleanup(func() { s.removeKept(rec.Container) })
	}
	if left, err := os.ReadDir(s.vars["GP_LOCAL_PREFIX"]); err == nil {
		left = slices.DeleteFunc(left, func(e os.DirEntry) bool { return e.Name() == ".ferry" })
		if len(left) > 0 && s.more["keep"].Values == nil {
			s.t.Errorf("left on the node: %v", left)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return out, m
}

// ended fails the test unless the job ended so.
func (s *server) ended(out wrapper.Outcome, code int, cause cause.Cause) {
	s.t.Helper()
	if out.Code != code || out.Cause != cause {
		s.t.Errorf("ended with %d %q (%v), want %d %q\n%s", out.Code, out.Cause, out.Err, code, cause, s.log.String())
	}
}

func keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// removeKept removes a container that a job was told to leave.
func (s *server) removeKept(id string) {
	c, err := s.deps().Engine.Attach(context.Background(), id)
	if err == nil {
		err = c.Remove(context.Background())
	}
	if err != nil {
		s.t.Error(err)
	}
}
