#!/bin/sh
# The whole gate: formatting, vet, the linters, and every test against a real S3 server and a real Docker engine, both of which it
# sets up itself. A test that is skipped is a failure. test.sh [PACKAGE...] tests only those packages.
#
# Some tests start engines of their own, or become other users. So all of them run as root, as they do in CI, where this user is not
# root but may use sudo; what root made in this user's caches and in bin is this user's again at the end.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

command -v go >/dev/null || die "needs Go 1.26 or later; see https://go.dev/doc/install"
export CI=true                # what a test requires must be there: see internal/testenv
export GOFLAGS=-buildvcs=false # the version comes from scripts/version.sh
MODULES="tools/s3server tools/gcsserver" # besides the main one

if is_debian; then
	packages docker-compose # it runs jobs in three containers
	# Module images are made of the first two; the race detector needs the C compiler; the last two are a Slurm cluster.
	packages busybox-static bash-static gcc libc6-dev iproute2 slurm-wlm munge
	scripts/registry.sh install
	scripts/awscli.sh install
	scripts/moto.sh install
	scripts/azurite.sh install
	scripts/localstack.sh install
	scripts/jupyter.sh install
	scripts/podman.sh install
	scripts/apptainer.sh install
fi
engine=$(scripts/engine.sh start)
cleanup() {
	if [ "$root" = true ]; then as_root find bin .git "$(go env GOCACHE)" "$(go env GOMODCACHE)" -user 0 -exec chown -h "$(id -u):$(id -g)" {} +; fi
	case $engine in
	started*) scripts/engine.sh stop ;; # one that was there already is not ours to stop
	esac
}
root=false
trap cleanup EXIT
trap 'exit 130' INT TERM
DOCKER_HOST=${engine#* }
export DOCKER_HOST

say "gofmt, go vet"
unformatted=$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || die "these files need gofmt:
$unformatted"
# With the options that the programs are built with, so that nothing is compiled twice.
for module in . $MODULES; do
	(cd "$module" && CGO_ENABLED=0 go vet -trimpath ./...)
done

[ $# -gt 0 ] || scripts/lint.sh

say "go test"
mkdir -p bin
go build -o bin/testreport ./tools/testreport
[ $# -gt 0 ] || set -- ./...
# -count=1: what is tested against is not only the code.
set -- go test -json -race -count=1 -timeout 20m "$@"
if [ "$(id -u)" -ne 0 ] && command -v sudo >/dev/null; then
	root=true
	set -- sudo env CI=true GOFLAGS=-buildvcs=false PATH="$PATH" GOPATH="$(go env GOPATH)" GOCACHE="$(go env GOCACHE)" \
		GOMODCACHE="$(go env GOMODCACHE)" GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" DOCKER_HOST="$DOCKER_HOST" "$@"
fi
"$@" 2>&1 | bin/testreport
