package submit_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
)

// shells that a module's image may have.
var shells = [][]string{{"bash"}, {"dash"}, {"busybox", "sh"}}

// runChild runs the exec.sh of an array as a child's container would, and gives what it wrote.
func runChild(t *testing.T, shell []string, script, work string, env []string, index int) string {
	t.Helper()
	_, err := exec.LookPath(shell[0])
	testenv.Require(t, err == nil, shell[0]+" is missing")
	meta := filepath.Join(work, strconv.Itoa(index), ".gp_metadata")
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "exec.sh")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell[0], append(shell[1:], file)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s\n%s", shell, err, out, script)
	}
	got, err := os.ReadFile(filepath.Join(meta, "stdout.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// One script serves all children, and each gets its own values as they are, in every shell.
func FuzzArrayArguments(f *testing.F) {
	f.Add("plain", "a{name}b")
	f.Add("it's $HOME `id` \"x\" \\ *\n;", "{name}{index}{name}")
	f.Add("", "{name}")
	f.Add("{index}", "it's {name} $FERRY_INDEX")
	f.Add("ü {name}", "{other} {")
	f.Add("\xff", "{name}")
	f.Add("x", "\xff{name}")
	f.Fuzz(func(t *testing.T, value, arg string) {
		if strings.Contains(value+arg, "\x00") || len(value)+len(arg) > 1000 {
			t.Skip()
		}
		r := newRig(t)
		o := r.order("work")
		o.Command = []string{"printf", "%s|", arg, "{index}"}
		var err error
		if o.Array, err = submit.NewArray(0, []string{"name"}, [][]string{{"other"}, {value}}); err != nil {
			t.Fatal(err)
		}
		if !utf8.ValidString(value) {
			if _, err := r.Submit(t.Context(), o); cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), "UTF-8") {
				t.Fatalf("a value that is not UTF-8: %v", err)
			}
			return
		}
		st := r.mustSubmit(o)
		file, err := submit.ReadFile(t.Context(), r.Open, st.Handle)
		if err != nil {
			t.Fatal(err)
		}
		s, err := file.Settings(1)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("{index}", "1", "{name}", value).Replace(arg) + "|1|"
		for _, shell := range shells {
			script := r.stored("work/.gp_metadata/exec.sh")
			if got := runChild(t, shell, script, filepath.Join(r.dir, "work"), s["env"].Values, 1); got != want {
				t.Fatalf("%v: %q arrives as %q, want %q", shell, arg, got, want)
			}
		}
	})
}

// What JSON would change is refused, whether the user gives it or this machine's environment has it.
func TestValuesThatAreNoText(t *testing.T) {
	for _, setting := range []string{"env=WHO=\xff", "env=ODD", "input=/in\xff"} {
		r := newRig(t)
		_, err := r.Submit(t.Context(), r.order("work", setting))
		if cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("%q: %v", setting, err)
		}
		if len(r.desk.tasks) > 0 {
			t.Errorf("%q was submitted", setting)
		}
	}
}

func TestArray(t *testing.T) {
	r := newRig(t)
	r.put("in/shared.txt", "shared")
	o := r.order("work", "input=in", "input=/one/{name}", "env=WHO={name}", "output=/out/{index}")
	o.Array = &handle.Array{Count: 2, Columns: []string{"name"}, Rows: [][]string{{"ann"}, {"bob"}}, Parallel: 1}
	st := r.mustSubmit(o)
	if task := r.desk.tasks[0]; !slices.Equal(task.Children, []int{0, 1}) || task.Parallel != 1 {
		t.Errorf("the scheduler got %+v", task)
	}
	f, err := submit.ReadFile(t.Context(), r.Open, st.Handle)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, name := range []string{"ann", "bob"} {
		s, err := f.Settings(i)
		if err != nil {
			t.Fatal(err)
		}
		j, err := describe(s)
		if err != nil {
			t.Fatal(err)
		}
		work := filepath.Join(r.dir, "work", strconv.Itoa(i))
		if j.Dirs.Work != work || j.Dirs.Metadata != work+"/.gp_metadata" || j.Dirs.Outputs[0] != "/out/"+strconv.Itoa(i) ||
			j.Dirs.Inputs[1].Path != "/one/"+name || !slices.Contains(j.Program.Env, "WHO="+name) || seen[j.Identity.ID] {
			t.Errorf("child %d is %+v", i, j)
		}
		seen[j.Identity.ID] = true
	}
	if _, err := f.Settings(2); err == nil {
		t.Error("there is a child 2")
	}
}

func TestNewArray(t *testing.T) {
	row := [][]string{{"a"}}
	for about, c := range map[string]struct {
		count   int
		columns []string
		rows    [][]string
	}{
		"none":        {0, nil, nil},
		"too many":    {10001, nil, nil},
		"they differ": {2, []string{"a"}, row},
		"index":       {0, []string{"index"}, row},
		"a quote":     {0, []string{"a'"}, row},
		"empty":       {0, []string{""}, row},
		"twice":       {0, []string{"a", "a"}, [][]string{{"1", "2"}}},
	} {
		if a, err := submit.NewArray(c.count, c.columns, c.rows); err == nil {
			t.Errorf("%s: %+v", about, a)
		}
	}
}

// What the children share is sent once, however many they are: the number of requests does not grow with them.
func TestSharedInputsGoOnce(t *testing.T) {
	testenv.CleanAWS(t)
	server := testenv.S3(t)
	proxy := testenv.Proxy(t, server.Endpoint)
	via := proxy.Via(server)
	via.Setenv(t)
	var puts []int
	for _, n := range []int{2, 1000} {
		r := newRig(t)
		r.remote = "s3://" + server.Bucket + "/" + strconv.Itoa(n)
		for i := range 20 {
			r.put("in/"+strconv.Itoa(i), "shared")
		}
		before := len(proxy.Requests())
		o := r.order("work", "input=in")
		o.Array = &handle.Array{Count: n}
		r.mustSubmit(o)
		puts = append(puts, len(proxy.Requests())-before)
	}
	if puts[0] != puts[1] || puts[0] > 20+20 {
		t.Errorf("requests for 2 and for 1,000 children: %v", puts)
	}
	t.Logf("requests: %v", puts)
}

// The logs of many children are told apart, also where a last line has no end. Those of one child are its bytes.
func TestLogsOfArray(t *testing.T) {
	r := newRig(t)
	o := r.order("work")
	o.Array = &handle.Array{Count: 2}
	st := r.mustSubmit(o)
	root := strings.TrimPrefix(r.remote, "file://")
	for i, text := range []string{"one\ntwo", "three\nfour"} {
		dir := filepath.Join(root, r.dir, "work", strconv.Itoa(i), ".gp_metadata")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "stdout.txt"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if err := r.Logs(t.Context(), submit.Logs{Ref: st.ID, Child: -1, Stdout: &out, Stderr: &errs}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "[0] one\n[0] two\n[1] three\n[1] four\n" {
		t.Errorf("%q", got)
	}
	out.Reset()
	if err := r.Logs(t.Context(), submit.Logs{Ref: st.ID, Child: 1, Stdout: &out, Stderr: &errs}); err != nil || out.String() != "three\nfour" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// Those children of an array that are not run again still count.
func TestOnlyFailedCounts(t *testing.T) {
	r := newRig(t)
	o := r.order("work")
	o.Array = &handle.Array{Count: 5}
	st := r.mustSubmit(o)
	for _, failed := range [][]int{{1, 3}, {3}} { // and once more those that failed again
		n := map[scheduler.Phase]int{scheduler.Failed: len(failed), scheduler.Succeeded: 5 - len(failed)}
		if len(failed) == 1 {
			n[scheduler.Succeeded] = 1 // of the two that ran again
		}
		r.desk.report = scheduler.Report{Phase: scheduler.Failed, Children: n, Failed: failed}
		got, err := r.Again(t.Context(), submit.Repeat{Ref: st.Handle, OnlyFailed: true, Describe: describe})
		if err != nil {
			t.Fatal(err)
		}
		if task := r.desk.tasks[len(r.desk.tasks)-1]; !slices.Equal(task.Children, failed) {
			t.Errorf("%v run again, want %v", task.Children, failed)
		}
		r.desk.report = scheduler.Report{Phase: scheduler.Succeeded, Children: map[scheduler.Phase]int{scheduler.Succeeded: len(failed)}}
		if got, err = r.Status(t.Context(), got.Handle); err != nil || got.State != submit.Done || got.Children[submit.Done] != 5 || len(got.Children) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}
