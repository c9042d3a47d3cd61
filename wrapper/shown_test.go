package wrapper_test

import (
	"slices"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// Exit 0 means that every result is in the store. A link within the job is stored as what it shows. A name that no store takes is 73,
// and what has no content is a warning.
func TestResultsShown(t *testing.T) {
	s := newRig(t)
	s.put("in/input.txt", "input")
	s.exec("echo own > file.txt", "ln -s /jobs/1/file.txt absolute.txt", "ln -s /in/input.txt input.txt", "ln -s /in linked",
		"ln -s /etc/passwd outside.txt", "ln -s nothing dangling.txt", "mkfifo pipe")
	r := s.ended(s.run(s.job(testenv.ModuleImage(t), "input", "/in")), 0, cause.None)
	for name, want := range map[string]string{"file.txt": "own\n", "absolute.txt": "own\n", "input.txt": "input", "linked/input.txt": "input", "outside.txt": ""} {
		if got := s.get("jobs/1/" + name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	slices.Sort(r.NotStored)
	if want := []string{"/jobs/1/dangling.txt", "/jobs/1/outside.txt", "/jobs/1/pipe"}; !slices.Equal(r.NotStored, want) {
		t.Errorf("not stored: %q", r.NotStored)
	}
}

func TestResultWithoutName(t *testing.T) {
	s := newRig(t)
	s.exec(`n=$(printf 'bad\377.txt'); echo lost > "$n"`, "echo done > result.txt")
	r := s.ended(s.run(s.job(testenv.ModuleImage(t))), cause.StageOut.Code(), cause.StageOut)
	if len(r.NotStored) != 1 || s.get("jobs/1/result.txt") != "done\n" {
		t.Errorf("not stored: %q, %s", r.NotStored, r.Error)
	}
}
