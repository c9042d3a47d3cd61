package job_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
)

// arrayOf are the settings of a job, given as name, value, name, value…
func arrayOf(more ...string) job.Settings {
	s := job.Settings{}
	for i, all := 0, append([]string{"remote", "/store", "image", "debian:12"}, more...); i < len(all); i += 2 {
		v := s[all[i]]
		s[all[i]] = job.Setting{Values: append(v.Values, all[i+1]), From: "--" + all[i]}
	}
	return s
}

// Each child of an array job has directories of its own, and an id of its own.
func TestArrayChildren(t *testing.T) {
	seen := map[string]bool{}
	for _, index := range []string{"0", "1", "10"} {
		settings := arrayOf("workdir", "/jobs/7/{index}", "output", "/more/{index}/out", "input", "/in/{index}=part-{index}", "env", "PART={index}", "job-id", "seven", "array-index", index)
		j, err := jobtest.Words.Describe(settings, os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		if j.Dirs.Work != "/jobs/7/"+index || j.Dirs.Metadata != "/jobs/7/"+index+"/.gp_metadata" || j.Dirs.Outputs[0] != "/more/"+index+"/out" ||
			j.Dirs.Inputs[0].Path != "/in/"+index || !strings.HasSuffix(j.Dirs.Inputs[0].URL, "part-"+index) || j.Program.Env[0] != "PART="+index || j.Identity.Index != index {
			t.Errorf("child %s: %+v, %+v", index, j.Dirs, j.Program)
		}
		if seen[j.Identity.ID] {
			t.Errorf("two children have the id %q", j.Identity.ID)
		}
		seen[j.Identity.ID] = true
		if settings["workdir"].Values[0] != "/jobs/7/{index}" {
			t.Error("the settings were changed")
		}
	}
}

// Children that would overwrite each other's results are refused, by the name of what they share.
func TestArrayRefuses(t *testing.T) {
	for _, c := range []struct {
		about string
		give  []string
		want  string // the flag at fault, "" for none
	}{
		{"one working dir", []string{"workdir", "/jobs/7", "array-index", "3"}, "--workdir"},
		{"one metadata dir", []string{"workdir", "/jobs/{index}", "metadata-dir", "/meta", "array-index", "3"}, "--metadata-dir"},
		{"one output", []string{"workdir", "/jobs/{index}", "output", "/out/{index}", "output", "/all", "array-index", "3"}, "--output"},
		{"one exit code file", []string{"workdir", "/jobs/{index}", "exit-code-file", "/jobs/code.txt", "array-index", "3"}, "--exit-code-file"},
		{"a file's name in each one's metadata dir", []string{"workdir", "/jobs/{index}", "exit-code-file", "code.txt", "array-index", "3"}, ""},
		{"a child that says so", []string{"workdir", "/jobs/7", "array-index", "none"}, ""},
		{"no child", []string{"workdir", "/jobs/{index}"}, "--workdir"},
		{"no number", []string{"workdir", "/jobs/{index}", "array-index", "x"}, "--array-index"},
		{"a number with a sign", []string{"workdir", "/jobs/{index}", "array-index", "-1"}, "--array-index"},
		{"a number with a zero before it", []string{"workdir", "/jobs/{index}", "array-index", "01"}, "--array-index"},
	} {
		_, err := jobtest.Words.Describe(arrayOf(c.give...), os.LookupEnv)
		if c.want == "" && err != nil || c.want != "" && (cause.Of(err) != cause.Usage || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.about, err, c.want)
		}
	}
}

// AWS Batch's own ids are ids: of a job, of a child of an array, of a node of a multi-node job.
func TestBatchIDs(t *testing.T) {
	for id, index := range map[string]string{"1b2c-3": "", "1b2c-3:7": "7", "1b2c-3#0": "", "1b2c-3:7#1": ""} {
		more := []string{"workdir", "/jobs/{index}", "job-id", id, "array-index", index}
		if index == "" {
			more = []string{"workdir", "/jobs/1", "job-id", id}
		}
		j, err := jobtest.Words.Describe(arrayOf(more...), os.LookupEnv)
		if err != nil || j.Identity.ID != id {
			t.Errorf("%s: %q, %v", id, j.Identity.ID, err)
		}
	}
	if !slices.ContainsFunc([]string{"#0", "a/b", "..", ""}, job.IsID) {
		return
	}
	t.Error("what cannot be a directory's name is an id")
}
