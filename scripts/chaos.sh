#!/bin/sh
# Runs every row of the matrix of faults, prints the table and writes docs/failures.md. chaos.sh WORDS runs only the rows whose
# names have the words, and writes theirs. It needs root: some rows start an engine of their own or fill a small disk.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

command -v go >/dev/null || die "needs Go 1.26 or later; see https://go.dev/doc/install"
if is_debian; then packages busybox-static bash-static iproute2 util-linux; fi
for part in registry azurite podman apptainer; do scripts/$part.sh install; done
engine=$(scripts/engine.sh start)
case $engine in
started*) trap 'scripts/engine.sh stop' EXIT ;;
esac
trap 'exit 130' INT TERM
DOCKER_HOST=${engine#* }
export DOCKER_HOST

mkdir -p bin
log=bin/chaos.log
go test -c -o bin/chaos.test ./internal/chaos
say "this takes up to 20 minutes; details: $log"
# The test builds what it runs, so it needs this user's Go, as root or not.
status=0
as_root env CI=true GOFLAGS=-buildvcs=false PATH="$PATH" GOPATH="$(go env GOPATH)" GOCACHE="$(go env GOCACHE)" \
	GOMODCACHE="$(go env GOMODCACHE)" GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" DOCKER_HOST="$DOCKER_HOST" \
	FERRY_CHAOS="${1:-all}" FERRY_CHAOS_TABLE="$PWD/bin/chaos.txt" FERRY_CHAOS_DOC="$PWD/docs/failures.md" \
	sh -c 'cd internal/chaos && exec ../../bin/chaos.test -test.run TestRows -test.parallel 200 -test.timeout 40m' >"$log" 2>&1 || status=$?
cat bin/chaos.txt
[ "$status" -eq 0 ] || die "some rows are not as they must be; see $log"
