package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

// onBatch is a machine that submits to the queue of an emulator of AWS Batch, which runs jobs as real containers: ferry's transfer image
// starts the module beside itself. flags are those of a submission.
func onBatch(t *testing.T) (s submitter, flags []string) {
	t.Helper()
	host, transfer := testenv.Docker(t), testenv.TransferImage(t)
	_, err := lab.MotoProgram()
	testenv.Require(t, err == nil, "moto (scripts/moto.sh install)")
	testenv.Require(t, os.Geteuid() == 0, "root, to make /local")
	m, err := lab.StartMoto(t.Context(), t.TempDir(), host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	if err := errors.Join(m.Queue(t.Context(), "queue"), m.Bucket(t.Context(), "bucket")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("/local", 0o755); err == nil { // of the definition; a node has it
		t.Cleanup(func() { _ = os.Remove("/local") }) // what another test keeps there stays
	}
	dir := t.TempDir()
	flags = []string{"--to", "batch:queue", "--transfer-image", transfer, "--remote", "s3://bucket/me", "--image", testenv.ModuleImage(t)}
	for _, kv := range m.Env() {
		name, _, _ := strings.Cut(kv, "=")
		flags = append(flags, "--transfer-env", name)
	}
	env := append(m.Env(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	return submitter{t: t, dir: dir, env: testenv.Environ(env...)}, flags
}

// Jobs on the emulator. What it lacks (exit codes, retries, arrays) is tested in scheduler/batch.
func TestSubmitToBatch(t *testing.T) {
	s, flags := onBatch(t)
	dir, submit := s.dir, append([]string{"submit"}, flags...)
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "data.txt"), []byte("data\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, code := s.run(append(submit, "--wait", "--workdir", "one", "--input", "in", "--", "sh", "-c", "cat ../in/data.txt; echo made > made.txt; exit 3")...)
	if code != 3 || out != "data\n" || s.file("one/made.txt") != "made\n" {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	handle := "s3://bucket/me" + dir + "/one/.gp_metadata"
	s.untilLog(handle, "stage-out")

	out, errs, code = s.run(append(submit, "--workdir", "long", "--", "sleep", "100")...)
	if code != 0 {
		t.Fatal(errs)
	}
	handle = strings.TrimSpace(out)
	s.until(handle, "running")
	if _, errs, code := s.run("cancel", handle); code != 0 {
		t.Fatal(errs)
	}
	s.until(handle, "cancelled")
	out, errs, code = s.run(append(slices.Clone(submit), "--to", "batch:nosuch", "--", "true")...)
	if code != 64 || !strings.Contains(errs, "queue") {
		t.Errorf("no such queue: code %d, %q, %q", code, out, errs)
	}
}

// untilLog asks for what ferry said until it has the text: moto has a log only once it has seen the container's end.
func (s submitter) untilLog(handle, text string) {
	s.t.Helper()
	var out, errs string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if out, errs, _ = s.run("logs", "--ferry", handle); strings.Contains(out, text) {
			return
		}
	}
	s.t.Errorf("the log of ferry: %q, %q", out, errs)
}
