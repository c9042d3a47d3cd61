package job

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
)

// words are a vocabulary for tests.
var words = Vocabulary{Engines: []string{EngineDocker, EngineProcess}, Root: isURL, Source: isURL, Stores: []StoreOption{
	{Name: "shade", Arg: "COLOUR", Usage: "paint it", Check: func(v string) error {
		if v != "red" {
			return fmt.Errorf("%q is no shade", v)
		}
		return nil
	}},
	{Name: "glow", Usage: "let it glow", Check: func(string) error { return nil }},
}}

func isURL(url string) error {
	if strings.HasPrefix(url, "s3://") || strings.HasPrefix(url, "/") {
		return nil
	}
	return fmt.Errorf("%q is no URL", url)
}

func noEnv(string) (string, bool) { return "", false }

// given are the smallest settings that make a job, with more on top: name, value, name, value…
func given(more ...string) Settings {
	s := Settings{}
	put := func(name, v string) { s[name] = Setting{Values: append(s[name].Values, v), From: "--" + name} }
	for i := 0; i < len(more); i += 2 {
		put(more[i], more[i+1])
	}
	for name, v := range map[string]string{"remote": "s3://b/p", "image": "debian:12", "workdir": "/jobs/1"} {
		if _, ok := s[name]; !ok {
			put(name, v)
		}
	}
	return s
}

func TestDescribeDefaults(t *testing.T) {
	j, err := words.Describe(given(), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"metadata dir":   {j.Dirs.Metadata, "/jobs/1/.gp_metadata"},
		"exec":           {j.Program.Exec, "/jobs/1/.gp_metadata/exec.sh"},
		"local prefix":   {j.LocalPrefix, "/local"},
		"attempt":        {j.Identity.Attempt, 1},
		"walltime":       {j.Walltime, 24 * time.Hour},
		"grace":          {j.Grace, 25 * time.Second},
		"network":        {j.Container.Network, "ferry"},
		"user":           {j.Container.User, UserImage},
		"exit code file": {j.Files.ExitCode, "/jobs/1/.gp_metadata/exit_code.txt"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
	if !strings.HasPrefix(j.Identity.ID, "1-") {
		t.Errorf("id %q is not made from the working dir", j.Identity.ID)
	}
	other, _ := words.Describe(given("remote", "s3://b/q"), noEnv)
	if other.Identity.ID == j.Identity.ID {
		t.Error("two remotes give one id")
	}
}

func TestDescribeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		set  Settings
		want string
	}{
		"no remote":         {Settings{"image": {Values: []string{"x"}}, "workdir": {Values: []string{"/w"}}}, "--remote is missing"},
		"ferry's own":       {given("output", "/.ferry/x"), "--output: \"/.ferry/x\" is ferry's own"},
		"relative":          {given("workdir", "jobs/1"), "--workdir: \"jobs/1\" is not an absolute path"},
		"dots":              {given("workdir", "/jobs/../etc"), `holds ".."`},
		"root dir":          {given("workdir", "//"), "is the root directory"},
		"newline":           {given("input", "/a\nb"), "control character"},
		"image":             {given("image", "UPPER CASE"), "no image reference"},
		"two images":        {given("image", "a", "image", "b"), "given 2 times"},
		"walltime":          {given("walltime", "soon"), "no time above zero"},
		"negative":          {given("grace", "-3s"), "no time above zero"},
		"memory":            {given("memory", "4q"), "no size"},
		"tiny memory":       {given("memory", "1k"), "at least 6m"},
		"cpus":              {given("cpus", "NaN"), "no number of cores"},
		"stage":             {given("stage", "magic"), "not one of mount, copy"},
		"switch":            {given("keep", "maybe"), "neither true nor false"},
		"job id":            {given("job-id", "../1"), "no usable id"},
		"attempt":           {given("attempt", "0"), "not a number from 1"},
		"user":              {given("user", "bob"), "none of image, caller, uid:gid"},
		"user too large":    {given("user", "4294967296"), "ids are at most"},
		"group too large":   {given("user", "7:4294967296"), "ids are at most"},
		"all caps":          {given("cap-add", "ALL"), "single capability"},
		"network":           {given("network", "container:x"), "no network's name"},
		"unknown":           {given("colour", "red"), "--colour: no such option"},
		"env without value": {given("env", "HOME"), "HOME has no value"},
		"env name":          {given("env", "1x=2"), "no variable's name"},
		"same dirs":         {given("metadata-dir", "/jobs/1"), "same directory"},
		"exec elsewhere":    {given("exec", "/opt/run.sh"), "lies in no directory of the job"},
		"mount over synced": {given("mount", "/data:/jobs/1"), "covers a directory that is synced"},
		"empty key":         {given("input", "/in="), "empty key prefix"},
		"input's URL":       {given("input", "/in=ftp://x/y"), "\"ftp://x/y\" is no URL"},
		"remote":            {given("remote", "b/p"), "\"b/p\" is no URL"},
		"store option":      {given("shade", "blue"), "--shade: \"blue\" is no shade"},
		"store switch":      {given("glow", "maybe"), "neither true nor false"},
		"engine":            {given("engine", "magic"), "not one of docker, process"},
		"sync script path":  {given("sync-script", "../x.sh"), "no file's name"},
	} {
		_, err := words.Describe(c.set, noEnv)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: cause %q, error %q, want %q in it", name, cause.Of(err), err, c.want)
		}
	}
}

func TestDescribeReads(t *testing.T) {
	j, err := words.Describe(given("input", "/in/a", "input", "/in/b=other/key/", "input", `/in/c\=d`, "input", "/db/x.fa=s3://c/d/x.fa", "mount", "/node:/ref:rw", "mount", "/node2:/ref2",
		"mount", "/scratch", "mount", "/has:colon", "env", "A=b=c", "env", "HOME", "memory", "1g", "walltime", "90", "output", "/in/a", "output", "/in/a/"),
		func(n string) (string, bool) { return "/root", n == "HOME" })
	if err != nil {
		t.Fatal(err)
	}
	want := []Input{{"/in/a", "s3://b/p/in/a"}, {"/in/b", "s3://b/p/other/key"}, {"/in/c=d", "s3://b/p/in/c=d"}, {"/db/x.fa", "s3://c/d/x.fa"}}
	if !reflect.DeepEqual(j.Dirs.Inputs, want) {
		t.Errorf("inputs %+v", j.Dirs.Inputs)
	}
	mounts := []Mount{{"/node", "/ref", true}, {"/node2", "/ref2", false}, {"", "/scratch", true}, {"", "/has:colon", true}}
	if !reflect.DeepEqual(j.Dirs.Mounts, mounts) {
		t.Errorf("mounts %+v", j.Dirs.Mounts)
	}
	if !reflect.DeepEqual(j.Program.Env, []string{"A=b=c", "HOME=/root"}) || j.Container.Limits.Memory != 1<<30 || j.Walltime != 90*time.Second {
		t.Errorf("env %q, memory %d, walltime %v", j.Program.Env, j.Container.Limits.Memory, j.Walltime)
	}
	if !reflect.DeepEqual(j.Dirs.Outputs, []string{"/in/a"}) {
		t.Errorf("outputs %q", j.Dirs.Outputs)
	}
}

func TestMergeFirstWins(t *testing.T) {
	m := Merge(Settings{"a": {Values: []string{"flag"}}}, Settings{"a": {Values: []string{"env", "x"}}, "b": {Values: []string{"env"}}},
		Settings{"b": {Values: []string{"file"}}, "c": {Values: []string{"file"}}})
	for k, want := range map[string][]string{"a": {"flag"}, "b": {"env"}, "c": {"file"}} {
		if !reflect.DeepEqual(m[k].Values, want) {
			t.Errorf("%s is %q, want %q", k, m[k].Values, want)
		}
	}
}

func TestURLs(t *testing.T) {
	for _, c := range []struct{ remote, path, want string }{
		{"s3://b", "/a", "s3://b/a"},
		{"s3://b/p//", "/a/b", "s3://b/p/a/b"},
		{"/dir/", "/a", "/dir/a"},
		{"file:///", "/a", "file:///a"},
	} {
		j := Job{Remote: c.remote}
		if got := j.URL(c.path); got != c.want {
			t.Errorf("%s of %s is at %s, want %s", c.path, c.remote, got, c.want)
		}
	}
	j, err := words.Describe(given("input", "/in=../../k", "output", "/in", "module-dir", "/lib"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Input{{"/lib", "s3://b/p/lib"}, {"/in", "s3://b/p/k"}}; !reflect.DeepEqual(j.Staged(), want) {
		t.Errorf("staged in: %v", j.Staged())
	}
	if want := []Input{{"/jobs/1/.gp_metadata", "s3://b/p/jobs/1/.gp_metadata"}, {"/jobs/1", "s3://b/p/jobs/1"}, {"/in", "s3://b/p/k"}}; !reflect.DeepEqual(j.Results(), want) {
		t.Errorf("staged out: %v", j.Results())
	}
}

// What Describe refuses can still be told to those who wait for the job, where it says who they are.
func TestGlimpse(t *testing.T) {
	j, ok := words.Glimpse(given("image", "UPPER CASE", "attempt", "0"))
	if !ok || j.Dirs.Metadata != "/jobs/1/.gp_metadata" || j.Remote != "s3://b/p" {
		t.Errorf("%+v, %v", j, ok)
	}
	if _, ok := words.Glimpse(Settings{"remote": {Values: []string{"s3://b"}}}); ok {
		t.Error("nobody knows where the job's files are")
	}
}

// What is said of stores reaches them as it was said, whatever it means.
func TestStoreOptions(t *testing.T) {
	j, err := words.Describe(given("shade", "red", "glow", "true"), noEnv)
	if want := map[string]string{"shade": "red", "glow": "true"}; err != nil || !reflect.DeepEqual(j.Store, want) {
		t.Errorf("%v, %v", j.Store, err)
	}
	if j, err := words.Describe(given("glow", "false"), noEnv); err != nil || len(j.Store) != 0 {
		t.Errorf("%v, %v", j.Store, err)
	}
}

// A sync script fetches from the remote root, from where the job itself is staged in, and from what a site allows by name.
func TestMayFetch(t *testing.T) {
	j := Job{Remote: "s3://b/root/", Dirs: Dirs{Sources: []string{"s3://shared/ref/"}, Libraries: []Input{{Path: "/lib", URL: "s3://libs/R"}}}}
	for url, want := range map[string]bool{
		"s3://b/root": true, "s3://b/root/": true, "s3://b/root/a/b": true, "s3://b/root//x": true, "s3://shared/ref/hg38": true, "s3://libs/R/pkg": true,
		"s3://b": false, "s3://b/": false, "s3://b/roo": false, "s3://b/root2/a": false, "s3://shared": false, "s3://shared/reference": false,
		"s3://libs/R2": false, "s3://B/root/a": false, "": false, "/": false,
	} {
		if got := j.MayFetch(url); got != want {
			t.Errorf("MayFetch(%q) = %v", url, got)
		}
	}
	if j.Remote = "s3://b"; !j.MayFetch("s3://b/x") || j.MayFetch("s3://b2/x") {
		t.Error("a bucket as remote root is not all that a script may fetch")
	}
}

func TestControlFiles(t *testing.T) {
	j := Job{Dirs: Dirs{Work: "/w", Metadata: "/m"}, Program: Program{Exec: "/w/run.sh"}, Files: Files{SyncScript: "get.sh"}}
	if got := strings.Join(j.ControlFiles(), " "); got != "/m/exec.sh /m/get.sh /m/job.json /w/run.sh" {
		t.Errorf("control files are %s", got)
	}
}
