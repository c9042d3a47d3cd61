#!/bin/sh
# Makes sure that a Docker engine answers.
#
#	engine.sh start    prints "running HOST" where one answers, and touches nothing. Otherwise installs the
#	                   distribution's engine if need be, starts it, waits for it and prints "started HOST".
#	engine.sh stop     stops the engine that start started, and no other.
#
# HOST is what DOCKER_HOST would be. With ENGINE_DIR=DIR it is an engine of its own that keeps everything below DIR, in a
# network namespace of its own: for tests that must restart or break an engine.
set -eu
. "$(dirname "$0")/lib.sh"

WAIT=60 # seconds for an engine to start or stop; it takes 1 to 5

if [ -n "${ENGINE_DIR:-}" ]; then
	mkdir -p "$ENGINE_DIR"
	dir=$(cd "$ENGINE_DIR" && pwd)
	state=$dir
	socket=$dir/docker.sock
	host=unix://$socket
	options="--data-root $dir/data --exec-root $dir/exec --iptables=false --ip6tables=false"
	# Two engines cannot share docker0, and one with --bridge=none would delete that of the other.
	isolate="unshare --net"
else
	dir=
	state=/var/run/ferry-engine
	host=${DOCKER_HOST:-unix:///var/run/docker.sock}
	socket=${host#unix://}
	options=
	isolate=
fi
pidfile=$state/dockerd.pid
log=$state/dockerd.log

# answers says whether an engine answers. One that is slow is there all the same: a second one would take its socket.
answers() {
	command -v docker >/dev/null || return 1
	tries=6
	while [ $tries -gt 0 ]; do
		status=0
		DOCKER_HOST=$host timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || status=$?
		[ $status -eq 124 ] || return $status
		tries=$((tries - 1))
	done
	die "something listens at $host, but does not answer within a minute"
}

# alive says whether the process in the pidfile is still a dockerd.
alive() { [ "$(cat "/proc/$(cat "$pidfile" 2>/dev/null)/comm" 2>/dev/null)" = dockerd ]; }

install_engine() {
	if ! command -v dockerd >/dev/null && ! [ -x /usr/sbin/dockerd ] || ! command -v docker >/dev/null; then
		is_debian || die "no Docker engine answers at $host, and this is no Debian or Ubuntu to install one on: please install Docker"
		cli=
		# From Debian 13 on the client is a package of its own.
		[ -z "$(apt-cache show docker-cli 2>/dev/null)" ] || cli=docker-cli
		# shellcheck disable=SC2086
		packages docker.io iptables $cli
	fi
}

# launch starts dockerd in a session of its own, with the options given, and waits until it answers or ends.
launch() {
	# The socket belongs to the caller's group, so that only this needs root.
	as_root sh -c 'umask 022; PATH=$PATH:/usr/sbin:/sbin; log=$1 pidfile=$2 isolate=$3; shift 3
		setsid nohup $isolate dockerd "$@" >"$log" 2>&1 </dev/null & echo $! >"$pidfile"' \
		sh "$log" "$pidfile" "$isolate" --host "unix://$socket" --group "$(id -gn)" --pidfile "$state/docker.pid" "$@"
	i=0
	while [ $i -lt $((WAIT * 5)) ]; do
		if answers; then return 0; fi
		[ -d "/proc/$(cat "$pidfile")" ] || return 1
		sleep 0.2
		i=$((i + 1))
	done
	return 1
}

start() {
	if answers; then
		echo "running $host"
		return
	fi
	[ -n "$dir" ] || [ -z "${DOCKER_HOST:-}" ] || die "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST"
	if [ -S "$socket" ] && ! [ -w "$socket" ]; then
		die "a Docker engine's socket is at $socket, but you may not use it: join the group docker, or use sudo"
	fi
	install_engine
	as_root mkdir -p "$state"
	if answers; then # where systemd runs, the package has started its service
		as_root sh -c 'echo service >"$1"' sh "$pidfile"
		echo "started $host"
		return
	fi
	say "starting dockerd (its log: $log)"
	# Some kernels have no packet filter for dockerd: then containers do without a network to the outside.
	for extra in "" "--iptables=false --ip6tables=false" "--bridge=none --iptables=false --ip6tables=false"; do
		# shellcheck disable=SC2086
		if launch $options $extra; then
			echo "started $host"
			return
		fi
		stop_pid
		[ -z "$options" ] || break
	done
	tail -n 15 "$log" >&2 || :
	die "the Docker engine did not start"
}

stop_pid() {
	pid=$(cat "$pidfile" 2>/dev/null) || return 0
	if alive; then
		as_root sh -c 'kill "$1"' sh "$pid"
		i=0
		while alive && [ $i -lt $((WAIT * 5)) ]; do
			sleep 0.2
			i=$((i + 1))
		done
		if alive; then as_root sh -c 'kill -KILL "$1"' sh "$pid"; fi
	fi
	as_root rm -f "$pidfile"
	# An engine mounts its data on itself where nothing shared is, and forgets to unmount it where the root is part of a
	# file system, as on btrfs and in namespaces.
	if [ -n "$dir" ] && mountpoint -q "$dir/data"; then as_root umount "$dir/data"; fi
}

stop() {
	if [ "$(cat "$pidfile" 2>/dev/null)" = service ]; then
		as_root systemctl stop docker.socket docker.service
		as_root rm -f "$pidfile"
	else
		stop_pid
	fi
}

case ${1:-} in
start | stop) "$1" ;;
*) die "usage: engine.sh start|stop" ;;
esac
