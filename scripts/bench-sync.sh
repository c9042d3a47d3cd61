#!/bin/sh
# Compare `ferry sync` with aws, rclone and s5cmd; see scripts/bench-sync/main.go for the options, which are passed on.
# rclone is built from its module where it is not installed: go install github.com/rclone/rclone@v1.76.0
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
CGO_ENABLED=0 $go build -trimpath -o bin/ferry ./cmd/ferry
(cd tools/s3server && CGO_ENABLED=0 GOWORK=off $go build -trimpath -o ../../bin/bench-s3server .)
$go build -trimpath -o bin/bench-sync ./scripts/bench-sync
exec bin/bench-sync -ferry bin/ferry -server bin/bench-s3server "$@"
