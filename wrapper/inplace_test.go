package wrapper_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/job/jobtest"
	"github.com/genepattern/ferry/wrapper"
)

// inPlace is a rig whose jobs run in directories of this node, below top.
type inPlace struct {
	*rig
	top string
}

func newInPlace(t *testing.T) *inPlace {
	s := &inPlace{rig: newRig(t)}
	s.top = filepath.Join(t.TempDir(), "shared")
	s.store = s.top                                                      // get, put and meta are of this node's directories
	for d := s.top; d != os.TempDir() && d != "/"; d = filepath.Dir(d) { // other users may enter
		_ = os.Chmod(d, 0o755)
	}
	s.put("jobs/1/.gp_metadata/exec.sh", "")
	s.put("in/data.txt", "data")
	s.put("lib/tool.sh", "echo tool")
	return s
}

func (s *inPlace) job(image string, more ...string) job.Job {
	s.t.Helper()
	set := job.Settings{}
	for _, kv := range append([]string{"in-place=true", "image=" + image, "workdir=" + s.top + "/jobs/1", "module-dir=" + s.top + "/lib", "input=" + s.top + "/in",
		"local-prefix=" + s.local, "network=none"}, more...) {
		name, value, _ := strings.Cut(kv, "=")
		v := set[name]
		if name != "input" && name != "mount" && name != "output" {
			v.Values = nil
		}
		set[name] = job.Setting{Values: append(v.Values, value), From: "--" + name}
	}
	j, err := jobtest.Words.Describe(set, os.LookupEnv)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

// tree are all paths below the top.
func (s *inPlace) tree() []string {
	var all []string
	_ = filepath.WalkDir(s.top, func(p string, _ os.DirEntry, _ error) error {
		all = append(all, strings.TrimPrefix(p, s.top))
		return nil
	})
	return all
}

func TestInPlace(t *testing.T) {
	s := newInPlace(t)
	s.put("jobs/1/.gp_metadata/exit_code.txt", `{ "exit_code": 9 }`) // an earlier run's
	s.put("jobs/1/.gp_metadata/stderr.txt", "earlier")
	s.exec("cd "+s.top+"/jobs/1", "cat "+s.top+"/in/data.txt >result.txt", "sh "+s.top+"/lib/tool.sh",
		"touch "+s.top+"/in/new "+s.top+"/lib/new && exit 99", `test -e .gp_metadata/exit_code.txt && exit 98`, "echo bad >&2", "exit 3")
	before := s.tree()
	r := s.ended(s.run(s.job(testenv.ModuleImage(t))), 3, cause.None)
	if s.get("jobs/1/result.txt") != "data" || s.meta("dockerout.log") != "tool\n" || !strings.Contains(s.meta("dockererr.log"), "bad") || s.stdout.String() != "module | tool\n" {
		t.Errorf("result %q, out %q, err %q, stdout %q", s.get("jobs/1/result.txt"), s.meta("dockerout.log"), s.meta("dockererr.log"), s.stdout.String())
	}
	if !r.InPlace || r.Remote != "" || len(r.Transfers) != 0 || len(r.Mounts) != 3 {
		t.Errorf("record: in place %v, remote %q, transfers %v, mounts %+v", r.InPlace, r.Remote, r.Transfers, r.Mounts)
	}
	var names []string
	for _, st := range r.Stages {
		names = append(names, st.Name)
	}
	if want := []string{"prepare", "pull", "launch", "module", "clean"}; !slices.Equal(names, want) {
		t.Errorf("stages %v, want %v", names, want)
	}
	after := s.tree()
	for _, p := range before {
		if !slices.Contains(after, p) && !strings.HasSuffix(p, "stderr.txt") {
			t.Errorf("%s is gone", p)
		}
	}
	if slices.Contains(after, "/in/new") || slices.Contains(after, "/lib/new") {
		t.Error("the module wrote into what it should only read")
	}
	for _, p := range after {
		if strings.Contains(p, ".ferry-part") {
			t.Errorf("left: %s", p)
		}
	}
}

// The paths are as the caller knows them, though links lead to them.
func TestInPlaceThroughLinks(t *testing.T) {
	s := newInPlace(t)
	if err := os.Rename(s.top, s.top+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.top+".real", s.top); err != nil {
		t.Fatal(err)
	}
	s.exec("cd "+s.top+"/jobs/1", "cat "+s.top+"/in/data.txt >result.txt")
	s.ended(s.run(s.job(testenv.ModuleImage(t))), 0, cause.None)
	if s.get("jobs/1/result.txt") != "data" {
		t.Error("no result")
	}
}

func TestInPlaceRefuses(t *testing.T) {
	s := newInPlace(t)
	s.exec("exit 0")
	j := s.job(testenv.ModuleImage(t), "input="+s.top+"/none", "mount="+s.top+"/neither:/data")
	out := s.run(j)
	s.ended(out, 65, cause.StageIn)
	for _, want := range []string{"--input " + s.top + "/none: no such file", "--mount " + s.top + "/neither: no such file"} {
		if !strings.Contains(out.Err.Error(), want) {
			t.Errorf("%v, want %q", out.Err, want)
		}
	}
	if plan := wrapper.Plan(t.Context(), j, s.deps()); plan.Code != 65 {
		t.Errorf("dry run: %+v", plan)
	}
}

// needRoot requires root, for what only root can show.
func needRoot(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "root, to be ferry of another user")
}

// owned makes all of the rig's files a user's.
func (s *inPlace) owned(uid int) {
	s.t.Helper()
	for _, p := range s.tree() {
		if err := os.Lchown(s.top+p, uid, uid); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *inPlace) ownerOf(p string) (uid int, mode os.FileMode) {
	s.t.Helper()
	st, err := os.Lstat(s.top + p)
	if err != nil {
		s.t.Fatal(err)
	}
	return int(st.Sys().(*syscall.Stat_t).Uid), st.Mode().Perm()
}

// Ferry is root, and the job somebody else's: by default it runs with that user's ids, and all it leaves is that user's.
func TestInPlaceOfAnotherUser(t *testing.T) {
	needRoot(t)
	for name, more := range map[string][]string{
		"with the caller's ids":     nil,
		"as root in the container":  {"user=image"},
		"as somebody quite foreign": {"user=4321:4321"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newInPlace(t)
			s.put("jobs/1/old/file", "old")
			s.owned(1234)
			if err := os.Chmod(s.top+"/jobs/1", 0o750); err != nil {
				t.Fatal(err)
			}
			s.exec("cd "+s.top+"/jobs/1", "id -u >who.txt", "mkdir new", "echo x >new/file", "echo y >>old/file", "touch "+s.top+"/in/new && exit 9", "echo home=$HOME", "exit 0")
			s.ended(s.run(s.job(testenv.ModuleImage(t), more...)), 0, cause.None)
			want := map[string]string{"with the caller's ids": "1234\n", "as root in the container": "0\n", "as somebody quite foreign": "4321\n"}[name]
			if got := s.get("jobs/1/who.txt"); got != want {
				t.Errorf("ran as %q, want %q", got, want)
			}
			for _, p := range s.tree() {
				if uid, mode := s.ownerOf(p); uid != 1234 && p != "/jobs/1/.gp_metadata/exec.sh" && p != "" {
					t.Errorf("%s is of user %d, %v", p, uid, mode)
				}
			}
			if _, mode := s.ownerOf("/jobs/1"); mode != 0o750 {
				t.Errorf("the working dir has mode %v", mode)
			}
			if name == "with the caller's ids" && s.stdout.String() != "module | home="+s.top+"/jobs/1\n" {
				t.Errorf("said %q", s.stdout.String())
			}
		})
	}
}

// What the caller may not read is mounted for nobody, though ferry and the engine could.
func TestInPlaceOnlyWhatTheCallerMay(t *testing.T) {
	needRoot(t)
	s := newInPlace(t)
	s.exec("exit 0")
	s.put("secret/key", "root's")
	s.owned(1234)
	for p, mode := range map[string]os.FileMode{"/secret": 0o700, "/in": 0o755} {
		if err := os.Lchown(s.top+p, 0, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(s.top+p, mode); err != nil {
			t.Fatal(err)
		}
	}
	out := s.run(s.job(testenv.ModuleImage(t), "input="+s.top+"/secret", "mount="+s.top+"/in:/data:rw"))
	s.ended(out, 66, cause.Refused)
	for _, want := range []string{"--input " + s.top + "/secret: user 1234 may not read it", "--mount " + s.top + "/in: user 1234 may not write it"} {
		if !strings.Contains(out.Err.Error(), want) {
			t.Errorf("%v, want %q", out.Err, want)
		}
	}
	if uid, _ := s.ownerOf("/jobs/1/.gp_metadata/run.json"); uid != 1234 {
		t.Errorf("the record is of user %d", uid)
	}
	if out := s.run(s.job(testenv.ModuleImage(t), "mount="+s.top+"/in:/data")); out.Code != 0 {
		t.Errorf("to read: %+v", out)
	}
}

// A link to a file of root's that the module makes is not given away.
func TestInPlaceLinksAreNotGivenAway(t *testing.T) {
	needRoot(t)
	s := newInPlace(t)
	s.owned(1234)
	s.put("roots", "root's own")
	if err := os.Link(s.top+"/roots", s.top+"/jobs/1/link"); err != nil {
		t.Fatal(err)
	}
	s.exec("cd "+s.top+"/jobs/1", "ln -s ../../roots soft", "rm .gp_metadata/run.json", "ln -s ../../../roots .gp_metadata/run.json",
		"ln -s ../../../roots .gp_metadata/exit_code.txt", "exit 0")
	out := s.run(s.job(testenv.ModuleImage(t)))
	if out.Code != 0 || s.get("roots") != "root's own" {
		t.Errorf("%+v; the file is %q", out, s.get("roots"))
	}
	if uid, _ := s.ownerOf("/roots"); uid != 0 {
		t.Errorf("the file is of user %d", uid)
	}
	s.record()
}
