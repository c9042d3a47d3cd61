#!/bin/sh
# Installs those of the named Debian packages that are missing: packages.sh NAME…
set -eu
. "$(dirname "$0")/lib.sh"
is_debian || die "this is no Debian or Ubuntu to install $* on"
packages "$@"
