package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

// TestModuleGetsTheLimitsOfFerrysContainer runs the transfer image with limits: the module stands beside it, and would
// escape them.
func TestModuleGetsTheLimitsOfFerrysContainer(t *testing.T) {
	socket, local := strings.CutPrefix(testenv.Docker(t), "unix://")
	testenv.Require(t, local, "a local engine")
	dir := t.TempDir()
	meta := filepath.Join(dir, "store/jobs/1/.gp_metadata")
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	// cgroup v1, v2
	script := "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max > r.txt 2>/dev/null\ntrue\n"
	if err := os.WriteFile(filepath.Join(meta, "exec.sh"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(more ...string) (memory string, r record.Record) {
		t.Helper()
		args := append([]string{"run", "--rm", "--network", "none", "--memory", "256m", "--cpus", "1.5", "--pids-limit", "500", "--cpu-shares", "512",
			"-v", socket + ":/var/run/docker.sock", "-v", filepath.Join(dir, "local") + ":/local", "-v", filepath.Join(dir, "store") + ":/store",
			testenv.TransferImage(t), "run", "--remote", "/store", "--image", testenv.ModuleImage(t), "--workdir", "/jobs/1",
			"--network", "none", "--job-id", "limits"}, more...)
		cmd := exec.CommandContext(t.Context(), "docker", args...)
		cmd.Env = testenv.Environ("DOCKER_HOST=unix://" + socket)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		data, err := os.ReadFile(filepath.Join(meta, "run.json"))
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		seen, err2 := os.ReadFile(filepath.Join(dir, "store/jobs/1/r.txt"))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return strings.TrimSpace(string(seen)), r
	}
	if seen, r := run(); seen != "268435456" || r.Limits.Memory != 256<<20 || r.Limits.NanoCPUs != 1.5e9 || r.Limits.PIDs != 500 || r.Limits.CPUShares != 512 {
		t.Errorf("the module's memory limit is %s, the record says %+v", seen, r.Limits)
	}
	if seen, r := run("--memory", "128m", "--cpus", "0.5", "--pids", "100"); seen != "134217728" || r.Limits.NanoCPUs != 0.5e9 || r.Limits.PIDs != 100 {
		t.Errorf("told otherwise, the module's memory limit is %s, the record says %+v", seen, r.Limits)
	}
}
