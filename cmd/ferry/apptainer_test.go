package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// A job on Slurm whose node has no Docker: Apptainer runs it, from a cache that the submitting machine has filled.
func TestSubmitToSlurmWithApptainer(t *testing.T) {
	s := onSlurm(t)
	cache, node := filepath.Join(s.dir, "images"), filepath.Join(s.dir, "node")
	s.env = append(s.env, "DOCKER_HOST=unix:///nowhere", "PATH="+testenv.Apptainer(t)+":"+os.Getenv("PATH"), "FERRY_APPTAINER_CACHE="+cache, "FERRY_APPTAINER_DIR="+node)
	image := "docker-archive:" + testenv.ModuleArchive(t, s.dir, testenv.Bash)
	if out, said, code := s.run("pull", "--engine", "apptainer", image); code != 0 {
		t.Fatalf("%s %s %d", out, said, code)
	}
	work := filepath.Join(s.dir, "w")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	out, said, code := s.run("submit", "--to", "slurm", "--in-place", "--engine", "apptainer", "--image", image, "--workdir", work, "--wait", "--",
		"sh", "-c", "echo on $SLURM_JOB_ID. > where.txt; exit 4")
	if code != 4 {
		t.Fatalf("%s %s %d", out, said, code)
	}
	if got := s.file("w/where.txt"); got != "on .\n" { // none of the node's variables
		t.Errorf("the module wrote %q", got)
	}
	if rec := s.file("w/.gp_metadata/run.json"); !strings.Contains(rec, `"name": "apptainer"`) || !strings.Contains(rec, `"exit_code": 4`) {
		t.Errorf("the record: %s", rec)
	}
	if left, err := os.ReadDir(filepath.Join(node, "containers")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
