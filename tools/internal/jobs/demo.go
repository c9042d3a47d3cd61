package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
)

// The directories of the demo's job, as its module sees them.
const (
	Dir         = "/opt/gp/jobs/1"
	MetadataDir = Dir + "/.gp_metadata"
	Tasklib     = "/opt/gp/tasklib/SelectMarkers.1"
	Uploads     = "/opt/gp/users/demo/uploads"
)

// Markers is how many of the best markers the demo's module is asked for.
const Markers = 50

// Input is the input that the demo has of its own.
func Input() string { return filepath.Join(lab.Root(), "testdata", "demo", "input", "two_classes.gct") }

// LayOut makes the directories of the demo's job below top: tasklib, input and exec.sh.
func LayOut(top, gct string) error {
	for _, d := range []string{MetadataDir, Tasklib, Uploads} {
		if err := os.MkdirAll(top+d, 0o755); err != nil {
			return err
		}
	}
	if err := os.CopyFS(top+Tasklib, os.DirFS(filepath.Join(lab.Root(), "testdata", "demo", "tasklib"))); err != nil {
		return err
	}
	name := filepath.Base(gct)
	data, err := os.ReadFile(gct)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(top+Uploads, name), data, 0o644); err != nil {
		return err
	}
	return os.WriteFile(top+MetadataDir+"/exec.sh", []byte("#!/usr/bin/env bash\ncd "+Dir+"\n"+
		"sh "+Tasklib+"/select_markers.sh -i "+quoted(Uploads+"/"+name)+fmt.Sprintf(" -n %d \\\n", Markers)+
		"  >"+MetadataDir+"/stdout.txt 2>"+MetadataDir+"/stderr.txt\n"), 0o644)
}

// Flags tell `ferry run` of the demo's job.
func Flags(remote, image, id string) []string {
	return []string{"--remote", remote, "--image", image, "--job-id", id, "--user-id", "demo",
		"--workdir", Dir, "--module-dir", Tasklib, "--input", Uploads}
}

// quoted is s as one word of a shell script.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
