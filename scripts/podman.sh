#!/bin/sh
# Installs Podman for tests, and starts its service, which speaks the Docker Engine API, on a socket of its own.
#
#	podman.sh install      Debian's podman, and what it needs
#	podman.sh start DIR    starts the service, which keeps everything below DIR, and prints its address
#	podman.sh stop DIR     stops it, with the containers that it has
#
# DIR/containers.conf is for other commands of Podman's on the same containers: CONTAINERS_CONF=DIR/containers.conf
# podman --root DIR/root --runroot DIR/run --tmpdir DIR/tmp …
set -eu
. "$(dirname "$0")/lib.sh"

WAIT=30 # seconds for the service to answer; it takes less than one

install() {
	if is_debian; then
		packages podman catatonit slirp4netns runc # crun, which it would take, refuses cgroups of both versions at once
	elif ! command -v podman >/dev/null; then
		die "no podman, and this is no Debian or Ubuntu to install it on: please install it"
	fi
}

# files is how many files this process may let a container open.
files() { awk '/^Max open files/ { v = $(NF - 1); print (v == "unlimited" || v > 1048576) ? 1048576 : v }' /proc/self/limits; }

mine() { podman --root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" "$@"; }

start() {
	mkdir -p "$dir"
	# Without CAP_SYS_RESOURCE, as in some containers, Podman's own limits are more than it may give.
	cat >"$dir/containers.conf" <<-EOF
		[containers]
		default_ulimits=["nofile=$(files):$(files)","nproc=4096:4096"]
		init_path="$(command -v catatonit)"
		[engine]
		runtime="runc"
		cgroup_manager="cgroupfs"
		events_logger="file"
	EOF
	export CONTAINERS_CONF="$dir/containers.conf"
	cd "$dir" # conmon leaves a file "oom" where its engine stands
	setsid nohup podman --root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" system service --time=0 "unix://$dir/podman.sock" \
		>"$dir/podman.log" 2>&1 </dev/null &
	echo $! >"$dir/podman.pid"
	i=0
	while ! [ -S "$dir/podman.sock" ]; do
		if [ $i -ge $((WAIT * 10)) ] || ! [ -d "/proc/$(cat "$dir/podman.pid")" ]; then
			cat "$dir/podman.log" >&2
			die "Podman's service did not start"
		fi
		sleep 0.1
		i=$((i + 1))
	done
	echo "unix://$dir/podman.sock"
}

stop() {
	export CONTAINERS_CONF="$dir/containers.conf"
	mine rm --all --force --time 0 >/dev/null 2>&1 || :
	kill "$(cat "$dir/podman.pid")" 2>/dev/null || :
	# It mounts its layers' directory on itself.
	for place in root/overlay run/overlay; do
		if mountpoint -q "$dir/$place"; then umount -l "$dir/$place"; fi
	done
}

case ${1:-} in
install) install ;;
start | stop)
	[ $# -eq 2 ] || die "usage: podman.sh $1 DIR"
	mkdir -p "$2"
	dir=$(cd "$2" && pwd)
	"$1"
	;;
*) die "usage: podman.sh install | start DIR | stop DIR" ;;
esac
