#!/bin/sh
# Runs commands of this repository on a fresh machine: fresh.sh [COMMAND], by default `make demo && make test`. The machine is
# a minimal Debian of this one's release, in namespaces of its own (mounts, processes, network), with Go, git, make, sudo,
# ca-certificates, and a user who may use sudo. The commands run as that user in a clone of HEAD, and must bring all else that
# they need, an engine included. Nothing of it is left, however it ends.
#
# It needs Debian or Ubuntu, root (or sudo), and a kernel that can masquerade: two engines cannot share a network, so the machine
# has one of its own behind this one's. Packages come from this machine's own apt sources. Go is this machine's, mounted
# read-only, and so is its cache of downloaded modules, before the GOPROXY of the environment.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

USER_ID=1000
NAME=dev
NET=10.213.$(($$ % 256)) # of the two ends of the machine's cable, .1 here and .2 there

# outside makes the machine, runs it and removes it.
outside() {
	command -v go >/dev/null || die "needs Go 1.26 or later; see https://go.dev/doc/install"
	if [ "$(id -u)" -ne 0 ]; then
		as_root env PATH="$PATH" GOPROXY="$(go env GOPROXY)" GOMODCACHE="$(go env GOMODCACHE)" "$PWD/scripts/fresh.sh" "$@"
		return
	fi
	is_debian || die "this is no Debian or Ubuntu to make another of"
	packages debootstrap iproute2 iptables util-linux
	what=${1:-make demo && make test}

	dir=$(mktemp -d "${TMPDIR:-/tmp}/ferry-fresh.XXXXXX")
	root=$dir/root pid='' cable=fresh$$ forward=$(cat /proc/sys/net/ipv4/ip_forward)
	trap remove EXIT
	trap 'exit 130' INT TERM HUP

	make_root
	mkfifo "$dir/connected"
	FRESH_DIR=$dir FRESH_WHAT=$what FRESH_GOROOT=$(go env GOROOT) FRESH_MODULES=$(go env GOMODCACHE)/cache/download \
		FRESH_GOPROXY=$(go env GOPROXY) FRESH_GOSUMDB=$(go env GOSUMDB) \
		setsid unshare --mount --net --pid --fork --kill-child scripts/fresh.sh inside </dev/null &
	pid=$!
	connect
	echo >"$dir/connected"
	status=0
	wait "$pid" || status=$?
	return "$status"
}

# make_root puts a minimal Debian, the user and the clone below $root.
make_root() {
	say "making a minimal Debian in $root (some minutes)"
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
		awk -v r="$release" '$2 == r || $2 == r "-updates" || $2 == r "-security"' | sort -u)
	mirror=$(echo "$sources" | awk -v r="$release" '$2 == r && $3 == "main" { print $1; exit }')
	[ -n "$mirror" ] || die "no apt source of this machine has $release main"
	eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
	[ -z "${http_proxy:-}" ] || export http_proxy
	[ -z "${https_proxy:-}" ] || export https_proxy
	debootstrap --variant=minbase --include=ca-certificates,git,make,sudo "$release" "$root" "$mirror" >"$dir/log" 2>&1 || {
		tail -n 20 "$dir/log" >&2
		die "debootstrap could not make it"
	}
	echo "$sources" | sed 's/^/deb /' >"$root/etc/apt/sources.list"
	# How packages are fetched here is how they are fetched there.
	apt-config dump | grep -E '^Acquire::(https?::|Check-|Retries)' >"$root/etc/apt/apt.conf.d/99fetch" || :
	rm -f "$root/etc/resolv.conf"
	cat /run/systemd/resolve/resolv.conf >"$root/etc/resolv.conf" 2>/dev/null || cat /etc/resolv.conf >"$root/etc/resolv.conf"
	{
		cat /etc/hosts
		echo "127.0.0.1 localhost $(hostname)"
	} >"$root/etc/hosts"

	trust

	chroot "$root" useradd --uid "$USER_ID" --create-home --shell /bin/bash "$NAME"
	echo "$NAME ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$NAME"
	mkdir -p "$root/usr/local/go" "$root/mnt/modules"
	git -c safe.directory='*' bundle create -q "$dir/head" HEAD --tags
	git clone -q "$dir/head" "$root/home/$NAME/ferry" 2>"$dir/log" || die "git clone: $(cat "$dir/log")"
	chown -R "$USER_ID:$USER_ID" "$root/home/$NAME"
	[ -z "$(git -c safe.directory='*' status --porcelain)" ] || say "note: what is not committed is not in the clone"
}

# trust makes the machine trust the authorities that this one trusts beside Debian's own, such as that of a proxy between here
# and the packages. update-ca-certificates takes one certificate a file.
trust() {
	bundle=etc/ssl/certs/ca-certificates.crt
	[ -f "/$bundle" ] || return 0
	mkdir -p "$root/usr/local/share/ca-certificates"
	awk -v out="$root/usr/local/share/ca-certificates/host-" '
		/-----BEGIN CERTIFICATE-----/ { body = ""; inside = 1; next }
		/-----END CERTIFICATE-----/ {
			inside = 0
			if (FILENAME == ARGV[1]) known[body] = 1
			else if (!(body in known)) {
				known[body] = 1
				n++
				file = out n ".crt"
				printf "-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n", body >file
				close(file)
			}
			next
		}
		inside { body = body $0 "\n" }' "$root/$bundle" "/$bundle"
	chroot "$root" update-ca-certificates >"$dir/log" 2>&1 || die "update-ca-certificates: $(tail -n 5 "$dir/log")"
}

# connect gives the machine a network behind this one's.
connect() {
	i=0
	while [ "$(readlink "/proc/$pid/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do
		[ $i -lt 100 ] && kill -0 "$pid" 2>/dev/null || die "the namespaces could not be made"
		sleep 0.1
		i=$((i + 1))
	done
	mtu=$(ip route get "$(awk '$1 == "nameserver" { print $2; exit }' "$root/etc/resolv.conf")" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
	mtu=$(cat "/sys/class/net/$mtu/mtu" 2>/dev/null) || mtu=1500
	ip link add "$cable" mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns "$pid"
	ip addr add "$NET.1/30" dev "$cable"
	ip link set "$cable" up
	for command in "link set lo up" "addr add $NET.2/30 dev eth0" "link set eth0 up" "route add default via $NET.1"; do
		# shellcheck disable=SC2086 # words
		nsenter --target "$pid" --net ip $command
	done
	echo 1 >/proc/sys/net/ipv4/ip_forward
	masquerade -A
}

# masquerade adds (-A) or deletes (-D) the rules by which the machine reaches the world.
masquerade() {
	insert=-I
	[ "$1" = -A ] || insert=-D
	iptables -w "$insert" FORWARD -i "$cable" -j ACCEPT
	iptables -w "$insert" FORWARD -o "$cable" -j ACCEPT
	iptables -w -t nat "$1" POSTROUTING -s "$NET.2/32" ! -o "$cable" -j MASQUERADE
}

# remove leaves nothing: the end of the machine's first process is that of all its others, its mounts and its network.
remove() {
	trap '' INT TERM HUP
	if [ -n "$pid" ]; then
		kill -KILL "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	fi
	masquerade -D 2>/dev/null || :
	ip link delete "$cable" 2>/dev/null || :
	echo "$forward" >/proc/sys/net/ipv4/ip_forward
	i=0
	# The kernel may still be taking down what was mounted there.
	until rm -rf --one-file-system "$dir" 2>/dev/null || [ $i -ge 50 ]; do
		sleep 0.2
		i=$((i + 1))
	done
	[ ! -e "$dir" ] || say "$dir could not be removed"
}

# inside is the machine's first process. It makes the root its own, and runs the commands.
inside() {
	root=$FRESH_DIR/root
	mount --make-rprivate /
	mount --bind "$root" "$root"
	mount --bind "$FRESH_GOROOT" "$root/usr/local/go"
	mount -o remount,bind,ro "$root/usr/local/go"
	proxy=$FRESH_GOPROXY
	if [ -d "$FRESH_MODULES" ]; then
		mount --bind "$FRESH_MODULES" "$root/mnt/modules"
		mount -o remount,bind,ro "$root/mnt/modules"
		proxy=file:///mnt/modules,$proxy
	fi
	mount -t proc proc "$root/proc"
	mount -t sysfs sysfs "$root/sys"
	mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	devices
	read -r _ <"$FRESH_DIR/connected"

	cd "$root"
	mkdir -p mnt/host
	pivot_root . mnt/host
	cd /
	umount -l /mnt/host
	status=0
	setpriv --reuid "$USER_ID" --regid "$USER_ID" --init-groups env -i HOME="/home/$NAME" USER="$NAME" LOGNAME="$NAME" TERM=dumb LANG=C.UTF-8 \
		PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin GOPROXY="$proxy" GOSUMDB="$FRESH_GOSUMDB" GOTOOLCHAIN=local \
		sh -c 'cd "$HOME/ferry" || exit; eval "$1"' sh "$FRESH_WHAT" || status=$?
	exit "$status"
}

# devices makes those that every machine has.
devices() {
	dev=$root/dev
	mount -t tmpfs -o mode=755 tmpfs "$dev"
	for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
		mknod -m 666 "$dev/${node% *}" c 1 "${node#* }"
	done
	mknod -m 666 "$dev/tty" c 5 0
	mknod -m 600 "$dev/fuse" c 10 229
	mkdir "$dev/pts" "$dev/shm" "$dev/net"
	mknod -m 666 "$dev/net/tun" c 10 200
	mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$dev/shm"
	ln -s pts/ptmx "$dev/ptmx"
	ln -s /proc/self/fd "$dev/fd"
	for n in 0 1 2; do ln -s "/proc/self/fd/$n" "$dev/$(echo stdin stdout stderr | cut -d ' ' -f $((n + 1)))"; done
}

if [ "${1:-}" = inside ] && [ -n "${FRESH_DIR:-}" ]; then inside; else outside "$@"; fi
