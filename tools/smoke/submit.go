package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// submit has `ferry submit` take a job to a target through the emulator's store, follow it and fetch its results.
func (t *test) submit(target, name string, options ...string) error {
	dir := filepath.Join(t.work, "desk", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "in.txt"), []byte("gene expression\n"), 0o644); err != nil {
		return err
	}
	args := []string{"submit", "--to", target, "--wait", "--json", "--remote", t.remote, "--image", t.module, "--workdir", dir}
	out, said, code, err := t.desk(append(append(args, options...), "--", "sh", "-c", "tr a-z A-Z < in.txt > out.txt; echo said; exit 5")...)
	if err != nil {
		return err
	}
	var st struct{ Handle, State string }
	_ = json.Unmarshal([]byte(out), &st) // a state that is missing fails below
	failed := t.failures
	t.expect("exit code of ferry submit --to "+target, code, 5)
	t.expect("state", st.State, "failed")
	made, _ := os.ReadFile(filepath.Join(dir, "out.txt"))
	t.expect("result, fetched", string(made), "GENE EXPRESSION\n")
	logs, _, _, err := t.desk("logs", st.Handle)
	if err != nil {
		return err
	}
	t.expect("ferry logs", logs, "said\n")
	if t.failures > failed {
		say("%s", said)
	}
	return nil
}

// desk runs ferry as somebody does who submits.
func (t *test) desk(args ...string) (out, said string, code int, err error) {
	cmd := lab.Command(t.ctx, append(t.bucket.Env(), "DOCKER_HOST="+t.engine.Host, "XDG_STATE_HOME="+filepath.Join(t.work, "state")), t.ferry, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	code, err = tool.ExitCode(cmd.Run())
	return stdout.String(), stderr.String(), code, err
}

// submits are the jobs that are submitted: to this machine, and to a queue of the emulator's Batch where BATCH_QUEUE names one.
func (t *test) submits() error {
	if err := t.submit("local", "local", "--local-prefix", filepath.Join(t.work, "local")); err != nil {
		return err
	}
	queue := os.Getenv("BATCH_QUEUE")
	if queue == "" {
		return nil
	}
	options := []string{"--transfer-image", t.transfer}
	for _, kv := range t.bucket.Env() {
		options = append(options, "--transfer-env", kv)
	}
	return t.submit("batch:"+queue, "batch", options...)
}
