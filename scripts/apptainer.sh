#!/bin/sh
# Installs Apptainer for tests, below bin/apptainer. Debian has a package of it in its development release only, whose C library is newer
# than this machine's. So the package is unpacked beside that library, and its programs are told to use it. apt fetches and verifies
# both with lists of its own: nothing of the system changes. What Apptainer calls comes from this machine's release.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: apptainer.sh install"

to=$PWD/bin/apptainer
if ! [ -x "$to/usr/bin/apptainer" ] && command -v apptainer >/dev/null; then exit 0; fi
is_debian || die "no apptainer, and this is no Debian to install it on; see https://apptainer.org"
packages squashfs-tools squashfuse
# A folder that was moved has programs that do not find their library.
if "$to/usr/bin/apptainer" version >/dev/null 2>&1; then exit 0; fi
packages patchelf

release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
	awk -v r="$release" '$2 == r && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || die "no apt source of this machine has $release main"

rm -rf "$to"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
: >"$work/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sources.list"
apt() {
	apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists" \
		-o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Sandbox::User=root "$@" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		die "apt-get $1 failed"
	}
}
say "installing apptainer in bin"
apt update
(cd "$work/debs" && apt download apptainer libc6 libseccomp2 libsqlite3-0)
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done

# Of the library's package only the libraries: the rest is large, and nobody needs it.
usr=$work/root/usr
lib=$(echo "$usr"/lib/*/apptainer)
[ -x "$lib/bin/starter" ] || die "the package has no starter where it was"
lib=${lib%/apptainer}
made=$to/${lib#"$work/root/"}
find "$lib" -mindepth 1 -maxdepth 1 -type d ! -name apptainer -exec rm -rf {} +
for program in "$usr/bin/apptainer" "$lib/apptainer/bin/starter"; do
	patchelf --set-interpreter "$made/$(basename "$lib"/ld-linux-*.so.*)" "$program"
	patchelf --force-rpath --set-rpath "$made" "$program"
done
# Away from /, apptainer looks for its configuration and its empty directory beside its programs, and its starter does so one
# directory further in.
mv "$work/root/etc" "$usr/etc"
ln -s ../etc "$usr/lib/etc"
mkdir -p "$usr/var/lib/apptainer/mnt/session" "$usr/lib/var/lib/apptainer/mnt/session"
mkdir -p "$to/usr"
for part in bin/apptainer lib etc var; do
	mkdir -p "$(dirname "$to/usr/$part")"
	mv "$usr/$part" "$to/usr/$part"
done
chmod -R go+rX "$to"
"$to/usr/bin/apptainer" version >/dev/null || die "the unpacked apptainer does not run"
