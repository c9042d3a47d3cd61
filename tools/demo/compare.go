package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// compare runs the same analysis by `docker run` on local files. Each file that it makes must be among the results, byte for
// byte, and nothing else.
func (s *show) compare() error {
	s.step("The same analysis without ferry, byte for byte")
	plain := s.in("plain")
	if err := jobs.LayOut(plain, s.input); err != nil {
		return err
	}
	cmd := s.engine.Docker(s.ctx, nil, "run", "--rm", "--network", "none", "--user", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()),
		"-v", plain+"/opt/gp:/opt/gp", "-w", jobs.Dir, s.module, "bash", jobs.MetadataDir+"/exec.sh")
	cmd.Stdout, cmd.Stderr = s.out, os.Stderr
	code, err := tool.ExitCode(cmd.Run())
	if err != nil {
		return err
	}
	if code != s.code {
		return fmt.Errorf("without ferry the exit code is %d", code)
	}
	return s.same(plain + jobs.Dir)
}

// same compares each file below a directory with the result of that name. There must be no other results.
func (s *show) same(plain string) error {
	want, err := files(plain)
	if err != nil {
		return err
	}
	for _, name := range want {
		a, errA := os.ReadFile(filepath.Join(plain, name))
		b, errB := os.ReadFile(filepath.Join(s.results, name))
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("%q differs", name)
		}
		s.say("same  %9d bytes  %.16s  %s", len(b), fmt.Sprintf("%x", sha256.Sum256(b)), name)
	}
	have, err := files(s.results)
	if err != nil {
		return err
	}
	extra := slices.DeleteFunc(have, func(name string) bool {
		return strings.HasPrefix(name, ".gp_metadata/") || slices.Contains(want, name)
	})
	if len(extra) > 0 {
		return fmt.Errorf("results that the analysis alone does not make: %q", extra)
	}
	return nil
}

// files are the names of the files below a directory, in order.
func files(dir string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}
