# Sourced by the smoke test and the benchmark of GenePattern jobs, after lib.sh: a job as a GenePattern server lays it out
# and asks for it.
# shellcheck shell=sh

SERVER_USER=ann@example.org
SERVER_UPLOADS=/opt/gp/users/$SERVER_USER/uploads
SERVER_TASKLIB=/opt/gp/taskLib/Smoke.1.1

# server_exec TOP ID COMMAND makes exec.sh as the server does: it redirects its own output and keeps the module's code in
# a file, ending with 0 itself.
server_exec() {
	mkdir -p "$1/opt/gp/jobs/$2.meta"
	cat >"$1/opt/gp/jobs/$2.meta/exec.sh" <<-END
		#!/usr/bin/env bash

		cd /opt/gp/jobs/$2
		$3  2>/opt/gp/jobs/$2.meta/stderr.txt >/opt/gp/jobs/$2.meta/stdout.txt
		exit_code=\$?;
		echo "{ \"exit_code\": \$exit_code }" >> /opt/gp/jobs/$2.meta/exit_code.txt
		exit \$?;
	END
}

# server_sync TOP ID REMOTE PATH... makes the sync script as the server does: one command per input, one argument a line.
server_sync() {
	top=$1 id=$2 remote=$3
	shift 3
	script=$top/opt/gp/jobs/$id.meta/aws-sync-from-s3.sh
	echo '#!/usr/bin/env bash' >"$script"
	for path; do
		{
			echo 'aws \'
			printf '    "%s"  \\\n' s3 sync
			if [ -d "$top$path" ]; then
				printf '    "%s"  \\\n' "$remote$path" "/local$path"
			else
				printf '    "%s"  \\\n' "$remote$(dirname "$path")" "/local$(dirname "$path")" --exclude '*' --include "$(basename "$path")"
			fi
			printf ' >> /local/opt/gp/jobs/%s.meta/s3_downloads.log\n\n' "$id"
		} >>"$script"
	done
}

# server_env ID REMOTE IMAGE prints the variables that the server gives the job, for `docker run --env-file`.
server_env() {
	cat <<-END
		STDERR_FILENAME=/opt/gp/jobs/$1.meta/stderr.txt
		GP_JOB_ID=$1
		GP_USER_ID=$SERVER_USER
		GP_JOB_WORKING_DIR=/opt/gp/jobs/$1
		GP_WORKING_DIR=/opt/gp/jobs/$1
		GP_JOB_METADATA_DIR=/opt/gp/jobs/$1.meta
		GP_METADATA_DIR=/opt/gp/jobs/$1.meta
		GP_MODULE_NAME=Smoke
		GP_MODULE_LSID=urn:lsid:example.org:smoke:1.1
		GP_MODULE_DIR=$SERVER_TASKLIB
		GP_TASKLIB=$SERVER_TASKLIB
		AWS_S3_PREFIX=$2
		S3_ROOT=$2
		GP_S3_ROOT=$2
		GP_LOCAL_PREFIX=/local
		GP_AWS_SYNC_SCRIPT_NAME=aws-sync-from-s3.sh
		GP_JOB_DOCKER_BIND_MOUNTS=$SERVER_UPLOADS:/opt/gp/taskLib:/opt/gp/jobs/$1
		GP_DOCKER_MOUNT_POINTS=$SERVER_UPLOADS:/opt/gp/taskLib:/opt/gp/jobs/$1
		GP_JOB_DOCKER_IMAGE=$3
		GP_DOCKER_CONTAINER=$3
		GP_JOB_WALLTIME_SEC=600
		GP_CONTAINER_CANT_RUN_AS_ROOT=false
		GP_READONLY_BIND_MOUNTS=false
	END
}
