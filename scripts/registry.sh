#!/bin/sh
# Installs the registry and the SSH server that tests start for themselves. Debian's packages start one of their own each,
# which nobody asked for: a policy that lasts as long as the installation keeps services from starting.
set -eu
. "$(dirname "$0")/lib.sh"
[ "${1:-}" = install ] || die "usage: registry.sh install"
if command -v docker-registry >/dev/null && [ -x /usr/sbin/sshd ]; then exit 0; fi
is_debian || die "no docker-registry or no sshd, and this is no Debian or Ubuntu to install them on"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'as_root rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM
	as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy"
fi
packages docker-registry openssh-server
