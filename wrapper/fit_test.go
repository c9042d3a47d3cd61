package wrapper_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job"
)

// TestVolumeInside has images with a volume inside a directory of the job, where results would be lost and inputs hidden.
func TestVolumeInside(t *testing.T) {
	base := testenv.ModuleImage(t)
	for name, c := range map[string]struct {
		volume string
		more   []string
		code   int
	}{
		"in the working dir":       {"/jobs/1/out", nil, 66},
		"far in it":                {"/jobs/1/a/b/c", nil, 66},
		"in an input":              {"/in/part", nil, 66},
		"written otherwise":        {"/jobs//1/./out/", nil, 66},
		"the working dir":          {"/jobs/1", nil, 0},
		"around it":                {"/jobs", nil, 0},
		"beside it":                {"/jobs/11", nil, 0},
		"where an output is":       {"/jobs/1/out", []string{"output", "/jobs/1/out"}, 0},
		"in an output, not around": {"/jobs/1/out/in", []string{"output", "/jobs/1/out"}, 66},
		"copied":                   {"/jobs/1/out", []string{"stage", "copy"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			s.put("in/part/a.txt", "input\n")
			s.exec("set -e", "cp /in/part/a.txt .", "mkdir -p out/in", "echo result > out/in/r.txt")
			out := s.run(s.job(testenv.DerivedImage(t, base, nil, "VOLUME "+c.volume), append([]string{"input", "/in"}, c.more...)...))
			want := cause.None
			if c.code != 0 {
				want = cause.Refused
			}
			s.ended(out, c.code, want)
			switch {
			case c.code != 0 && !strings.Contains(out.Err.Error(), filepath.Clean(c.volume)):
				t.Errorf("%v names not the volume", out.Err)
			case c.code == 0 && (s.get("jobs/1/out/in/r.txt") != "result\n" || s.get("jobs/1/a.txt") != "input\n"):
				t.Errorf("results: %q, %q", s.get("jobs/1/out/in/r.txt"), s.get("jobs/1/a.txt"))
			}
		})
	}
}

// TestVolumeThroughLinks has images whose volumes links lead onto a directory of the job, after the engine has mounted that.
func TestVolumeThroughLinks(t *testing.T) {
	base := testenv.ModuleImage(t)
	for name, c := range map[string]struct {
		link, to, volume string
		code             int
	}{
		"onto the working dir":    {"/a/b/c/d/e", "/jobs/1", "/a/b/c/d/e", 66},
		"into it":                 {"/l", "/jobs", "/l/1/out/deep/er", 66},
		"around it":               {"/a/b/c/d/e", "../../../../jobs", "/a/b/c/d/e", 66},
		"beside it":               {"/a/b/c/d/e", "/jobs/2", "/a/b/c/d/e", 0},
		"one that leads nowhere":  {"/a/b/c/d/e", "/none/such", "/a/b/c/d/e/f", 0},
		"the job's own path":      {"/l", "/elsewhere", "/jobs/1", 0},
		"no link, but dots in it": {"/l", "/jobs/1", "/l/../other/deep/path", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			s.put("in/part/a.txt", "input\n")
			s.exec("set -e", "echo result > r.txt")
			image := testenv.DerivedImage(t, base, map[string]string{c.link[1:] + "@": c.to}, "VOLUME "+c.volume)
			out := s.run(s.job(image, "input", "/in"))
			want := cause.None
			if c.code != 0 {
				want = cause.Refused
			}
			s.ended(out, c.code, want)
			if c.code == 0 && s.get("jobs/1/r.txt") != "result\n" {
				t.Errorf("the result is %q", s.get("jobs/1/r.txt"))
			}
		})
	}
}

// TestOtherArchitecture has an image whose programs are for another processor.
func TestOtherArchitecture(t *testing.T) {
	image, platform := testenv.ForeignImage(t)
	t.Run("a script", func(t *testing.T) {
		s := newRig(t)
		s.exec("echo ran > r.txt")
		out := s.run(s.job(image))
		if r := s.ended(out, 72, cause.Launch); !strings.Contains(r.Error, platform) || r.Hint == "" {
			t.Errorf("%q, hint %q", r.Error, r.Hint)
		}
	})
	t.Run("a command", func(t *testing.T) {
		s := newRig(t)
		s.exec("echo unused")
		j := s.job(image)
		j.Program = job.Program{Command: []string{"/bin/true"}}
		out := s.run(j)
		if r := s.ended(out, 72, cause.Launch); !strings.Contains(r.Error, platform) {
			t.Errorf("%q", r.Error)
		}
	})
	foreign, program := testenv.Foreign(t)
	native, err := os.ReadFile("/bin/busybox")
	testenv.Require(t, err == nil, "busybox-static at /bin/busybox")
	for name, c := range map[string]struct {
		program []byte
		code    int
		cause   cause.Cause
	}{
		"without a shell":                   {program, 72, cause.Launch},
		"without a shell, and only says so": {native, 0, cause.None},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			s.exec("echo unused")
			j := s.job(testenv.ImageFor(t, foreign, map[string][]byte{"bin/busybox": c.program}))
			j.Program = job.Program{Command: []string{"/bin/busybox", "true"}}
			out := s.run(j)
			if r := s.ended(out, c.code, c.cause); c.code == 72 && !strings.Contains(r.Error, foreign) {
				t.Errorf("%q", r.Error)
			}
		})
	}
}
