package submit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
)

// foreign writes a job.json into a place of the store, as somebody else would, and gives the handle.
func (r *rig) foreign(dir string, f handle.File) string {
	r.t.Helper()
	at := filepath.Join(strings.TrimPrefix(r.remote, "file://"), dir)
	if err := os.MkdirAll(at, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "job.json"), f.JSON(), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return "file://" + at
}

func (r *rig) theirs(options map[string]string) handle.File {
	f := handle.File{Name: "ferry-0badc0de", Target: "desk", From: r.Origin, Options: map[string][]string{"image": {"debian"}}}
	for name, v := range options {
		f.Options[name] = []string{v}
	}
	return f
}

// A handle from somebody else may name any directory of this machine, and any place of any store. Nothing is written where this user did
// not say, and nothing is fetched from elsewhere.
func TestFetchForeign(t *testing.T) {
	r := newRig(t)
	home, secret := filepath.Join(r.dir, "home"), filepath.Join(r.dir, "secret")
	r.put("home/.ssh/authorized_keys", "mine")
	r.put("secret/key", "private")
	stored := func(dir, text string) {
		at := filepath.Join(strings.TrimPrefix(r.remote, "file://"), dir)
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "authorized_keys"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored(home+"/.ssh", "theirs")
	writes := r.foreign(home+"/.ssh/.gp_metadata", r.theirs(map[string]string{"remote": r.remote, "workdir": home + "/.ssh", "metadata-dir": home + "/.ssh/.gp_metadata"}))
	if _, err := r.Fetch(t.Context(), submit.Fetch{Ref: writes, Describe: describe}); cause.Of(err) != cause.Usage || !strings.Contains(cause.HintOf(err), "DIR") {
		t.Errorf("without a directory: %v", err)
	}
	if b, err := os.ReadFile(home + "/.ssh/authorized_keys"); string(b) != "mine" {
		t.Errorf("the keys are %q, %v", b, err)
	}
	to := filepath.Join(t.TempDir(), "to")
	if got, err := r.Fetch(t.Context(), submit.Fetch{Ref: writes, Dir: to, Describe: describe}); err != nil || got.Dir != to {
		t.Errorf("with a directory: %+v, %v", got, err)
	}
	if b, _ := os.ReadFile(to + "/authorized_keys"); string(b) != "theirs" {
		t.Errorf("the results are %q", b)
	}
	for name, f := range map[string]handle.File{
		"another place of the store":  r.theirs(map[string]string{"remote": "file://" + r.dir, "workdir": "/secret", "metadata-dir": "/secret/.gp_metadata"}),
		"this machine, in place":      r.theirs(map[string]string{"in-place": "true", "workdir": secret, "metadata-dir": secret + "/.gp_metadata"}),
		"an output besides, in place": r.theirs(map[string]string{"in-place": "true", "workdir": strings.TrimPrefix(r.remote, "file://") + "/x", "metadata-dir": strings.TrimPrefix(r.remote, "file://") + "/x/m", "output": secret}),
	} {
		dir := "x/m"
		to := filepath.Join(t.TempDir(), "to")
		_, err := r.Fetch(t.Context(), submit.Fetch{Ref: r.foreign(dir, f), Dir: to, Describe: describe})
		if cause.Of(err) != cause.Refused {
			t.Errorf("%s: %v", name, err)
		}
		if m, _ := filepath.Glob(to + "/*"); len(m) > 0 {
			t.Errorf("%s: %q are there", name, m)
		}
	}
}

// A handle from somebody else must not end a job of this user's.
func TestCancelForeign(t *testing.T) {
	r := newRig(t)
	mine := r.mustSubmit(r.order("work"))
	named := r.theirs(nil)
	named.Task = "id-ferry-" + mine.ID // the scheduler's id of a job of this user's
	same := r.theirs(nil)
	same.Name = "ferry-" + mine.ID
	for name, f := range map[string]handle.File{"the scheduler's id": named, "the name": same} {
		if _, err := r.Cancel(t.Context(), r.foreign("x/"+f.Name, f)); err == nil || len(r.desk.cancel) > 0 {
			t.Errorf("%s: %v, cancelled %q", name, err, r.desk.cancel)
		}
	}
	// One that this user submitted from another machine is found by its name.
	r.desk.tasks = append(r.desk.tasks, scheduler.Task{Name: "ferry-0badc0de"})
	if _, err := r.Cancel(t.Context(), r.foreign("x/y", r.theirs(nil))); err != nil || len(r.desk.cancel) != 1 {
		t.Errorf("%v, cancelled %q", err, r.desk.cancel)
	}
}

// Running somebody else's job again sends no directory of this machine, and does not run it on this machine.
func TestAgainForeign(t *testing.T) {
	r := newRig(t)
	r.put("secret/key", "private")
	r.desk.report = scheduler.Report{Phase: scheduler.Failed}
	f := r.theirs(map[string]string{"remote": r.remote, "workdir": "/x", "metadata-dir": "/x/m", "input": r.dir + "/secret"})
	if _, err := r.Again(t.Context(), submit.Repeat{Ref: r.foreign("x/m", f), Describe: describe}); err != nil {
		t.Fatal(err)
	}
	if got := r.stored("secret/key"); !strings.HasPrefix(got, "none") {
		t.Errorf("a directory of this machine was sent: %q", got)
	}
	// Nor does it once it is a job of this user's.
	if _, err := r.Again(t.Context(), submit.Repeat{Ref: r.remote + "/x/m", Describe: describe}); err != nil {
		t.Fatal(err)
	}
	if got := r.stored("secret/key"); !strings.HasPrefix(got, "none") {
		t.Errorf("a directory of this machine was sent: %q", got)
	}
	if _, err := r.Fetch(t.Context(), submit.Fetch{Ref: r.remote + "/x/m", Describe: describe}); cause.Of(err) != cause.Usage {
		t.Errorf("fetched to where it says: %v", err)
	}
	f.Target = "local"
	if _, err := r.Again(t.Context(), submit.Repeat{Ref: r.foreign("x/m", f), Describe: describe}); cause.Of(err) != cause.Refused {
		t.Errorf("local: %v", err)
	}
}

// Whatever a job.json or a run.json is made of, nothing ends ferry.
func TestHostileFiles(t *testing.T) {
	for name, text := range map[string]string{
		"no name":               `{"format":1}`,
		"an order for a screen": `{"format":1,"name":"ferry-\u001b[2J"}`,
		"a path":                `{"format":1,"name":"ferry-../../x"}`,
		"endless children":      `{"format":1,"name":"ferry-a","array":{"count":9000000000000000000}}`,
		"fewer than no child":   `{"format":1,"name":"ferry-a","array":{"count":-1}}`,
		"rows without values":   `{"format":1,"name":"ferry-a","array":{"count":1,"columns":["a","b"],"rows":[["1"]]}}`,
		"too few rows":          `{"format":1,"name":"ferry-a","array":{"count":2,"rows":[[]]}}`,
		"a child below 0":       `{"format":1,"name":"ferry-a","array":{"count":1,"only":[-1]}}`,
		"a child twice":         `{"format":1,"name":"ferry-a","array":{"count":3,"only":[1,1]}}`,
		"deep":                  strings.Repeat("[", 1<<20),
	} {
		if f, err := handle.Parse([]byte(text)); cause.Of(err) != cause.Usage {
			t.Errorf("%s: %+v, %v", name, f, err)
		} else if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %q", name, err)
		}
	}
	r := newRig(t)
	r.desk.find = scheduler.ErrUnknown
	h := r.foreign("x", r.theirs(map[string]string{"remote": r.remote}))
	for name, text := range map[string]string{
		"no stages": `{"job":"ferry-0badc0de","state":"running","stages":[null,null]}`,
		"crowded":   `{"job":"ferry-0badc0de","stages":[` + strings.Repeat("{},", 5<<20) + `{}]}`,
		"huge":      `{"job":"ferry-0badc0de","error":"` + strings.Repeat("x", 17<<20) + `"}`,
		"not JSON":  strings.Repeat("{", 1000),
	} {
		if err := os.WriteFile(strings.TrimPrefix(h, "file://")+"/run.json", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if st, err := r.Status(t.Context(), h); err == nil && st.State != submit.StagingIn && st.State != submit.Running && st.State != submit.Lost && st.State != submit.Failed && st.State != submit.Queued {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

// FuzzJobFile holds that what is read of a job.json can be described, child by child, and is written as it was read.
func FuzzJobFile(f *testing.F) {
	f.Add([]byte(`{"format":1,"name":"ferry-12ab34cd","target":"local","options":{"workdir":["/w/{index}"],"input":["/a={sample}"]},"array":{"count":2,"columns":["sample"],"rows":[["a"],["b"]],"only":[1]}}`))
	f.Add([]byte(`{"format":1,"name":"ferry-12ab34cd","options":{"":null,"env":["A","B=1"]},"array":{"count":1,"rows":[null]},"cancelled":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := handle.Parse(data)
		if err != nil {
			return
		}
		children := file.Children()
		if file.Array == nil {
			children = []int{-1}
		}
		for _, i := range children[:min(len(children), 10)] {
			s, err := file.Settings(i)
			if err != nil {
				t.Fatalf("child %d: %v", i, err)
			}
			_, _ = describe(s)
		}
		again, err := handle.Parse(file.JSON())
		if err != nil {
			t.Fatal(err)
		}
		x, _ := json.Marshal(file)
		y, _ := json.Marshal(again)
		if !bytes.Equal(x, y) {
			t.Errorf("%s became %s", x, y)
		}
	})
}
