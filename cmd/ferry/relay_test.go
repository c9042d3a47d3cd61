package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

// A relayRig runs one job by `ferry run`, and again by containers that a platform makes of a printed definition.
type relayRig struct {
	submitter
	server   *testenv.Server
	transfer string
}

func newRelayRig(t *testing.T) *relayRig {
	t.Helper()
	t.Parallel()
	r := &relayRig{server: testenv.S3(t), transfer: testenv.TransferImage(t)}
	r.submitter = submitter{t: t, dir: t.TempDir(), env: testenv.Environ(append(r.server.Env(), "DOCKER_HOST="+testenv.Docker(t))...)}
	return r
}

// A relayJob is a job of the tests: what is in the store, and what its script does.
type relayJob struct {
	name    string
	script  string
	image   testenv.Module
	noInput bool
	code    int
	options []string
}

// relayJobs are the ends that a job can come to.
var relayJobs = []relayJob{
	{name: "good", script: "cat /in/a.txt > r.txt; mkdir d; echo x > d/y; chmod 700 d/y; ln -s r.txt l; mkdir empty; echo said; echo warned >&2; echo more >> old.txt", image: testenv.Bash},
	{name: "failing", script: "echo part > p.txt; exit 3", image: testenv.Bash, code: 3},
	{name: "killed", script: "echo part > p.txt; kill -KILL $$", image: testenv.Bash, code: 137},
	{name: "own-code", script: `echo '{ "exit_code": 5 }' > .gp_metadata/exit_code.txt`, image: testenv.Bash, code: 5},
	{name: "no-stage-in", script: "echo ran > p.txt", image: testenv.Bash, noInput: true, code: 65},
	{name: "no-shell", script: "exit 0", image: testenv.NoShell, code: 72},
	{name: "walltime", script: "echo part > p.txt; exec sleep 1000", image: testenv.Bash, code: 142, options: []string{"--walltime", "1s"}},
}

// lay puts the job into the store and gives the options that describe it.
func (r *relayRig) lay(j relayJob, place string) []string {
	r.t.Helper()
	src := filepath.Join(r.dir, "src-"+place)
	files := map[string]string{"jobs/1/.gp_metadata/exec.sh": j.script + "\n", "jobs/1/old.txt": "old\n"}
	if !j.noInput {
		files["in/a.txt"] = "data\n"
	}
	for name, text := range files {
		p := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
			r.t.Fatal(err)
		}
	}
	root := fmt.Sprintf("s3://%s/%s", r.server.Bucket, place)
	if _, errs, code := r.run("sync", "--preserve", src, root); code != 0 {
		r.t.Fatal(errs)
	}
	return append([]string{"--remote", root, "--image", testenv.ModuleImage(r.t, j.image), "--workdir", "/jobs/1", "--input", "/in", "--job-id", place}, j.options...)
}

// fetch is what the store has of a job, in the form in which two runs of it are equal.
func (r *relayRig) fetch(place string) map[string]string {
	r.t.Helper()
	dir := filepath.Join(r.dir, "got-"+place)
	if _, errs, code := r.run("sync", "--preserve", fmt.Sprintf("s3://%s/%s", r.server.Bucket, place), dir); code != 0 {
		r.t.Fatal(errs)
	}
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		st, err := d.Info()
		if err != nil || d.IsDir() {
			all[rel+"/"] = ""
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		text, err := comparable(filepath.Base(p), string(data), place)
		all[rel] = fmt.Sprintf("%v %s", st.Mode(), text)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// moved is a line of the transfer log. Of two runs, times differ, and the sizes of what has times in it.
var moved = regexp.MustCompile(`^\S+ (\S+) +\d+ (.*)$`)

// comparable is a file of the job without what differs between two runs of it.
func comparable(name, text, place string) (string, error) {
	text = strings.ReplaceAll(text, place, "PLACE")
	switch name {
	case record.TransferName:
		var lines []string
		for line := range strings.Lines(text) {
			if m := moved.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				line = m[1] + " " + m[2]
			}
			lines = append(lines, line)
		}
		slices.Sort(lines)
		return strings.Join(slices.Compact(lines), "\n"), nil // a slow run has sent its own files before
	case record.ContainerName: // the platform does not tell which image a reference was
		var used map[string]string
		err := json.Unmarshal([]byte(text), &used)
		return used["image"], err
	case record.StatsName:
		return "", nil
	case record.FileName:
		var r record.Record
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			return "", err
		}
		if r.Seal != "" {
			return "", errors.New("the record still has a seal")
		}
		end := record.Exit{}
		if r.Exit != nil {
			end = record.Exit{Code: r.Exit.Code, Container: r.Exit.Container, Signal: r.Exit.Signal, OOM: r.Exit.OOM}
		}
		if r.Exit == nil {
			r.Command = nil // known before the module begins only where one ferry does both
		}
		return fmt.Sprintf("%s %d %q %q %q %v %+v %q %q", r.State, r.ExitCode, r.Cause, r.Error, r.Hint, r.Exit != nil, end, r.NotStored, r.Command), nil
	}
	return text, nil
}

// same compares what two runs of a job left in the store, file by file.
func (r *relayRig) same(one, other string) {
	r.t.Helper()
	want, got := r.fetch(one), r.fetch(other)
	for name, text := range want {
		if have, ok := got[name]; !ok || have != text {
			r.t.Errorf("%s: %s\n%q\n%s (there: %v)\n%q", name, one, text, other, ok, have)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			r.t.Errorf("%s has %s, %s does not: %q", other, name, one, got[name])
		}
	}
}

// whole runs the job by `ferry run`.
func (r *relayRig) whole(j relayJob, place string) {
	r.t.Helper()
	_, errs, code := r.run(append([]string{"run", "--local-prefix", filepath.Join(r.dir, "local")}, r.lay(j, place)...)...)
	if code != j.code {
		r.t.Fatalf("ferry run ends with %d, not %d: %s", code, j.code, errs)
	}
}

// definition prints a definition into a file.
func (r *relayRig) definition(platform, name string, options []string, more ...string) string {
	r.t.Helper()
	args := slices.Concat([]string{"jobdef", "--for", platform, "--name", name, "--image", r.transfer}, more, []string{"--"}, options)
	out, errs, code := r.run(args...)
	if code != 0 {
		r.t.Fatal(errs)
	}
	file := filepath.Join(r.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// tool runs a program to its end.
func (r *relayRig) tool(name string, args ...string) (out string, code int) {
	r.t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(r.t.Context()), name, args...) // it is called to clean up, too
	cmd.Env, cmd.Dir = r.env, r.dir
	said, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		r.t.Fatal(err)
	}
	return string(said), cmd.ProcessState.ExitCode()
}

// The two places of a job.
const (
	oneContainer    = "in-one-run"
	threeContainers = "in-containers"
)

// has reports whether a program is there.
func has(name string) bool { _, err := exec.LookPath(name); return err == nil }
