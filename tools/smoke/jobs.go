package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// input has the characters that names of uploads have.
const input = jobs.ServerUploads + "/all aml [train] (1).gct"

// layOut makes the server's files for three jobs: one that succeeds, one that fails, and one of the older form.
func layOut(server, remote string) error {
	for name, text := range map[string]string{
		jobs.ServerTasklib + "/module.sh": "tr a-z A-Z <\"$1\"\n",
		input:                             "gene expression\n",
		// The older form: exec.sh redirects nothing, and the metadata dir is in the working dir.
		"/opt/gp/jobs/103/.gp_metadata/exec.sh": "#!/bin/bash\ncd /opt/gp/jobs/103\nsh " + jobs.ServerTasklib + "/module.sh \"" + input + "\"\n" +
			"env | grep -c AWS_\nexit 4\n",
	} {
		if err := os.MkdirAll(filepath.Dir(server+name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(server+name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for id, command := range map[string]string{
		"101": "sh " + jobs.ServerTasklib + "/module.sh \"" + input + "\"",
		// What it wrote comes back, and its code.
		"102": "sh -c 'echo partial >result.txt; echo sorry >&2; exit 3'",
	} {
		if err := jobs.ServerExec(server, id, command); err != nil {
			return err
		}
		if err := jobs.ServerSync(server, id, remote, input, jobs.ServerTasklib); err != nil {
			return err
		}
	}
	return nil
}

// logOf is where the log of a job is kept.
func (t *test) logOf(id string) string { return filepath.Join(t.work, "log."+id) }

// runJob returns the transfer image's exit code.
func (t *test) runJob(id string) (int, error) {
	env := filepath.Join(t.work, "env")
	if err := os.WriteFile(env, []byte(jobs.ServerEnv(id, t.remote, t.module)), 0o644); err != nil {
		return 0, err
	}
	return t.docker(id, jobs.InTransferImage(t.socket, filepath.Join(t.work, "local"), t.transfer,
		[]string{"--env-file", env}, "/usr/local/bin/copyFromS3ThenRun.sh"))
}

// oldModule is a module image of the first generation, which has ferry in place of its own wrapper.
const oldModule = "ferry-smoke/module:old"

// runOld runs the job in such an image, as a job definition with arguments does, and returns its exit code.
func (t *test) runOld(id string) (int, error) {
	image := filepath.Join(t.work, "image")
	if err := os.Mkdir(image, 0o755); err != nil {
		return 0, err
	}
	if err := lab.CopyFile(filepath.Join(image, "runS3OnBatch.sh"), t.ferry, 0o755); err != nil {
		return 0, err
	}
	text := fmt.Sprintf("FROM %s\nCOPY runS3OnBatch.sh /usr/local/bin/\nCMD [\"/usr/local/bin/runS3OnBatch.sh\"]\n", t.module)
	if err := os.WriteFile(filepath.Join(image, "Dockerfile"), []byte(text), 0o644); err != nil {
		return 0, err
	}
	if _, err := lab.Output(t.engine.Docker(t.ctx, nil, "build", "-q", "-t", oldModule, image)); err != nil {
		return 0, err
	}
	defer func() { _ = t.engine.Docker(t.ctx, nil, "image", "rm", oldModule).Run() }()
	dir := "/opt/gp/jobs/" + id
	args := append([]string{"run", "--rm", "--network", "host"}, jobs.S3Variables...)
	return t.docker(id, append(args, oldModule, "/usr/local/bin/runS3OnBatch.sh",
		jobs.ServerTasklib, jobs.ServerUploads, t.remote, dir, dir+"/.gp_metadata/exec.sh"))
}

// docker runs the docker command, keeps what it says, and returns its exit code.
func (t *test) docker(id string, args []string) (int, error) {
	cmd := t.engine.Docker(t.ctx, t.bucket.Env(), args...)
	said, err := cmd.CombinedOutput()
	if err := os.WriteFile(t.logOf(id), said, 0o644); err != nil {
		return 0, err
	}
	code, err := tool.ExitCode(err)
	if err != nil {
		return 0, fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, said)
	}
	return code, nil
}
