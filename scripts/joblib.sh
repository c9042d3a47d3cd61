# Sourced by the demo and the benchmark, after lib.sh: an S3 server, a module image, and a job as a GenePattern server
# lays it out.
# shellcheck shell=sh

# The directories of the job, as its module sees them.
JOB_DIR=/opt/gp/jobs/1
METADATA_DIR=$JOB_DIR/.gp_metadata
TASKLIB=/opt/gp/tasklib/SelectMarkers.1
UPLOADS=/opt/gp/users/demo/uploads

# quoted prints its argument as one word of a shell script.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# lay_out_job TOP GCT COUNT makes the job's directories below TOP: tasklib, input and exec.sh.
lay_out_job() {
	mkdir -p "$1$METADATA_DIR" "$1$TASKLIB" "$1$UPLOADS"
	cp testdata/demo/tasklib/* "$1$TASKLIB/"
	cp -- "$2" "$1$UPLOADS/"
	cat >"$1$METADATA_DIR/exec.sh" <<-END
		#!/usr/bin/env bash
		cd $JOB_DIR
		sh $TASKLIB/select_markers.sh -i $(quoted "$UPLOADS/$(basename -- "$2")") -n $3 \\
		  >$METADATA_DIR/stdout.txt 2>$METADATA_DIR/stderr.txt
	END
}

# module_image makes the image the module runs in, and prints its name. On Debian it is two static programs on nothing;
# elsewhere a small public image, which the engine pulls.
module_image() {
	if ! is_debian; then
		echo debian:stable-slim
		return
	fi
	image=ferry-demo/module:1
	echo "$image"
	if docker image inspect "$image" >/dev/null 2>&1; then return; fi
	packages busybox-static bash-static
	root=$(mktemp -d)
	mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/usr/bin"
	chmod 755 "$root"
	chmod 1777 "$root/tmp"
	cp "$(command -v busybox)" "$(command -v bash-static)" "$root/bin/"
	mv "$root/bin/bash-static" "$root/bin/bash"
	for applet in $(busybox --list); do
		[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
	done
	ln -s ../../bin/env "$root/usr/bin/env"
	echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
	tar -C "$root" --owner=0 --group=0 --sort=name -c . | docker import --change 'ENV PATH=/bin:/usr/bin' - "$image" >/dev/null
	rm -rf "$root"
}

# start_s3 DIR BUCKET starts an S3 server on a free port of 127.0.0.1 and points the AWS variables at it. It keeps all
# it has below DIR, and ends when stop_s3 is called or this script ends in any way, because that closes its input.
start_s3() {
	mkdir "$1/objects"
	mkfifo "$1/s3.in"
	bin/s3server --dir "$1/objects" --bucket "$2" <"$1/s3.in" >"$1/s3.out" 2>"$1/s3.log" &
	s3_pid=$!
	exec 9>"$1/s3.in"
	i=0
	until grep -q '^listening' "$1/s3.out"; do
		[ $i -lt 150 ] && kill -0 "$s3_pid" 2>/dev/null || die "the S3 server did not start: $(cat "$1/s3.log")"
		sleep 0.1
		i=$((i + 1))
	done
	AWS_ENDPOINT_URL=$(sed -n 's/^listening \([^ ]*\).*/\1/p' "$1/s3.out")
	AWS_ACCESS_KEY_ID=ferrytest AWS_SECRET_ACCESS_KEY=ferrytestsecret AWS_REGION=us-east-1
	export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
	unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL_S3
}

stop_s3() {
	exec 9>&-
	wait "$s3_pid" 2>/dev/null || :
}

# build_all builds ferry, the transfer image $1, and the tools.
build_all() {
	make --no-print-directory -s image IMAGE="$1"
	go build -buildvcs=false -o bin/runsummary ./tools/runsummary
	(cd tools/s3server && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o ../../bin/s3server .)
}

# engine_socket sets socket to the path of the local engine's socket.
engine_socket() {
	engine=$(scripts/engine.sh start)
	DOCKER_HOST=${engine#* }
	export DOCKER_HOST
	socket=${DOCKER_HOST#unix://}
	[ "$socket" != "$DOCKER_HOST" ] || die "this needs an engine on this machine: DOCKER_HOST is $DOCKER_HOST"
}
