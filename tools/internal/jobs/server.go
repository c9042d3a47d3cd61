package jobs

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// A GenePattern server's user, and its directories as a module sees them.
const (
	ServerUser    = "ann@example.org"
	ServerUploads = "/opt/gp/users/" + ServerUser + "/uploads"
	ServerTasklib = "/opt/gp/taskLib/Smoke.1.1"
)

// ServerExec makes exec.sh of a job below top as the server does: it redirects its own output and keeps the module's code in
// a file, ending with 0 itself.
func ServerExec(top, id, command string) error {
	meta := "/opt/gp/jobs/" + id + ".meta"
	if err := os.MkdirAll(top+meta, 0o755); err != nil {
		return err
	}
	return os.WriteFile(top+meta+"/exec.sh", fmt.Appendf(nil, `#!/usr/bin/env bash

cd /opt/gp/jobs/%[1]s
%[2]s  2>%[3]s/stderr.txt >%[3]s/stdout.txt
exit_code=$?;
echo "{ \"exit_code\": $exit_code }" >> %[3]s/exit_code.txt
exit $?;
`, id, command, meta), 0o644)
}

// ServerSync makes the sync script of a job below top as the server does: one command for each path, one argument a line.
func ServerSync(top, id, remote string, paths ...string) error {
	var b strings.Builder
	b.WriteString("#!/usr/bin/env bash\n")
	for _, p := range paths {
		args := []string{"s3", "sync"}
		info, err := os.Stat(top + p)
		if err != nil {
			return err
		}
		if info.IsDir() {
			args = append(args, remote+p, "/local"+p)
		} else {
			dir := path.Dir(p)
			args = append(args, remote+dir, "/local"+dir, "--exclude", "*", "--include", path.Base(p))
		}
		b.WriteString("aws \\\n")
		for _, a := range args {
			fmt.Fprintf(&b, "    \"%s\"  \\\n", a) // as the server writes it, which escapes nothing
		}
		fmt.Fprintf(&b, " >> /local/opt/gp/jobs/%s.meta/s3_downloads.log\n\n", id)
	}
	return os.WriteFile(top+"/opt/gp/jobs/"+id+".meta/aws-sync-from-s3.sh", []byte(b.String()), 0o644)
}

// ServerEnv are the variables that the server gives the job, for `docker run --env-file`.
func ServerEnv(id, remote, image string) string {
	dir := "/opt/gp/jobs/" + id
	mounts := ServerUploads + ":/opt/gp/taskLib:" + dir
	return strings.Join([]string{
		"STDERR_FILENAME=" + dir + ".meta/stderr.txt",
		"GP_JOB_ID=" + id,
		"GP_USER_ID=" + ServerUser,
		"GP_JOB_WORKING_DIR=" + dir,
		"GP_WORKING_DIR=" + dir,
		"GP_JOB_METADATA_DIR=" + dir + ".meta",
		"GP_METADATA_DIR=" + dir + ".meta",
		"GP_MODULE_NAME=Smoke",
		"GP_MODULE_LSID=urn:lsid:example.org:smoke:1.1",
		"GP_MODULE_DIR=" + ServerTasklib,
		"GP_TASKLIB=" + ServerTasklib,
		"AWS_S3_PREFIX=" + remote,
		"S3_ROOT=" + remote,
		"GP_S3_ROOT=" + remote,
		"GP_LOCAL_PREFIX=/local",
		"GP_AWS_SYNC_SCRIPT_NAME=aws-sync-from-s3.sh",
		"GP_JOB_DOCKER_BIND_MOUNTS=" + mounts,
		"GP_DOCKER_MOUNT_POINTS=" + mounts,
		"GP_JOB_DOCKER_IMAGE=" + image,
		"GP_DOCKER_CONTAINER=" + image,
		"GP_JOB_WALLTIME_SEC=600",
		"GP_CONTAINER_CANT_RUN_AS_ROOT=false",
		"GP_READONLY_BIND_MOUNTS=false",
	}, "\n") + "\n"
}
