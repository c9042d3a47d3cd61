#!/bin/sh
# Builds the transfer image: image.sh NAME [BINARY [DOCKER_BUILD_OPTION…]]. It works with every builder since Docker
# 20.10, and sends the engine the binary only, not the repository.
set -eu
cd "$(dirname "$0")/.."
name=${1:?usage: image.sh NAME [BINARY [OPTION...]]}
binary=${2:-bin/ferry}
[ $# -lt 2 ] || shift
shift

mkdir -p bin
context=$(mktemp -d bin/image.XXXXXX)
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$context"
mkdir -p "$context/usr/local/bin" "$context/tmp"
chmod 1777 "$context/tmp"
cp "$binary" "$context/usr/local/bin/ferry"
chmod 755 "$context/usr/local/bin/ferry"
# Job definitions written for the wrapper scripts that ferry replaces call it by these names.
for legacy in copyFromS3ThenRun.sh runS3OnBatch.sh; do
	ln -s ferry "$context/usr/local/bin/$legacy"
done

# The commit's time, not the clock's: the same commit makes the same image.
created=$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null) || created=1970-01-01T00:00:00Z
revision=$(git rev-parse HEAD 2>/dev/null) || revision=unknown
before=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null) || before=
log=$context.log
trap 'rm -rf "$context" "$log"' EXIT
docker build --file Dockerfile --tag "$name" \
	--build-arg "VERSION=$(scripts/version.sh)" \
	--build-arg "REVISION=$revision" \
	--build-arg "CREATED=$created" \
	"$@" "$context" >"$log" 2>&1 || {
	cat "$log" >&2
	exit 1
}

# The image that had the name before is of no use to anybody, unless it has another name too.
if [ -n "$before" ] && [ "$(docker image inspect --format '{{len .RepoTags}}' "$before" 2>/dev/null)" = 0 ]; then
	docker image rm "$before" >/dev/null 2>&1 || : # a container still uses it
fi
