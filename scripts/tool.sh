#!/bin/sh
# Builds a program of tools/ and runs it from the top of the repository: tool.sh NAME [ARG…].
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

name=${1:?usage: tool.sh NAME [ARG…]}
shift
go=${GO:-go}
command -v "$go" >/dev/null || die "needs Go 1.26 or later; see https://go.dev/doc/install"
CGO_ENABLED=0 "$go" build -buildvcs=false -o "bin/tools/$name" "./tools/$name"
exec "bin/tools/$name" "$@"
