# Sourced by the other scripts: how they speak, and what they need of the system.
# shellcheck shell=sh

PATH=$PATH:/usr/sbin:/sbin # Debian gives a user who is not root no path to daemons, such as dockerd and slurmctld

say() { printf '%s\n' "$*" >&2; }
die() {
	say "$(basename "$0"): $*"
	exit 1
}

# as_root runs a command as root, asking for sudo only where it has to.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root (or sudo) to run: $*"
	fi
}

is_debian() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# packages installs those of the named Debian packages that are missing.
packages() {
	missing=
	for package; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
		[ "$status" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	apt_log=$(mktemp)
	if ! { as_root apt-get -qq -o Acquire::Retries=3 update &&
		# shellcheck disable=SC2086 # a list of words
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 \
			install -y --no-install-recommends $missing; } >"$apt_log" 2>&1; then
		cat "$apt_log" >&2
		rm -f "$apt_log"
		die "apt-get could not install$missing"
	fi
	rm -f "$apt_log"
}

# python_packages DIR FILE makes a virtual environment of exactly the packages that a file names, with their versions: wheels, and nothing
# that they ask for beside. What was made of the same file before stays. The pip that comes with Python installs, from outside.
python_packages() {
	if cmp -s "$2" "$1/installed.txt"; then return 0; fi
	if is_debian; then packages python3-venv; fi
	rm -rf "$1"
	python3 -m venv --without-pip "$1"
	bundled=$(python3 -c 'import ensurepip; print(ensurepip.__path__[0])')/_bundled
	pip=
	for wheel in /usr/share/python-wheels/pip-*.whl "$bundled"/pip-*.whl; do
		if [ -e "$wheel" ]; then pip=$wheel; fi
	done
	[ -n "$pip" ] || die "Python has no pip; see https://packaging.python.org"
	PYTHONPATH=$pip "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: --no-deps -r "$2"
	cp "$2" "$1/installed.txt"
}
