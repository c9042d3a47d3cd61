package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// TestUnprivileged runs ferry as a person who may use the engine and is not root, beside a module that is.
func TestUnprivileged(t *testing.T) {
	socket, local := strings.CutPrefix(testenv.Docker(t), "unix://")
	st, err := os.Stat(socket)
	testenv.Require(t, local && err == nil && os.Geteuid() == 0, "a local engine, and root's rights to become another user")
	const uid = 12345
	dir := t.TempDir()
	binary := filepath.Join(dir, "ferry")
	data, err := os.ReadFile(testenv.FerryBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(binary, string(data), 0o755)
	write(filepath.Join(dir, "store/jobs/1/.gp_metadata/exec.sh"), "mkdir -m 700 private && echo x > private/x && echo good > good.txt\n", 0o644)
	prefix := filepath.Join(dir, "local")
	for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err = filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(p, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds nothing in its way
		cmd := exec.CommandContext(t.Context(), binary, "run", "--remote", filepath.Join(dir, "store"), "--image", testenv.ModuleImage(t),
			"--workdir", "/jobs/1", "--local-prefix", prefix, "--network", "none", "--job-id", "user")
		cmd.Env = testenv.Environ("DOCKER_HOST=unix://" + socket)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: st.Sys().(*syscall.Stat_t).Gid}}
		out, err := cmd.CombinedOutput()
		// What only root may read cannot be staged out, and is named.
		if x, ok := err.(*exec.ExitError); !ok || x.ExitCode() != 73 || !strings.Contains(string(out), "private") {
			t.Fatalf("%v\n%s", err, out)
		}
		if good, err := os.ReadFile(filepath.Join(dir, "store/jobs/1/good.txt")); err != nil || string(good) != "good\n" {
			t.Errorf("what could be read is not in the store: %v", err)
		}
		// What is not in the store is kept, and nothing else.
		kept, err := filepath.Glob(filepath.Join(prefix, "*", "*"))
		if err != nil || len(kept) != 1 || filepath.Base(kept[0]) != "kept" || !strings.Contains(string(out), kept[0]) {
			t.Errorf("left on the node: %v, %v\n%s", kept, err, out)
		}
	}
}
