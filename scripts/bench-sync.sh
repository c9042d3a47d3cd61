#!/bin/sh
# Compare `ferry sync` with aws, rclone and s5cmd; see scripts/bench-sync/main.go for the options, which are passed on.
# rclone is built from its module where it is not installed: go install github.com/rclone/rclone@v1.76.0
# s5cmd is github.com/peak/s5cmd/v2@v2.3.0. The whole table takes some four hours, most of them the mixed rows, which need a
# disk: -dir /dev/shm -rows small,large (an hour), then -dir DISK -rows mixed (an hour for each of -modes).
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
CGO_ENABLED=0 $go build -trimpath -o bin/ferry ./cmd/ferry
(cd tools/s3server && CGO_ENABLED=0 GOWORK=off $go build -trimpath -o ../../bin/bench-s3server .)
$go build -trimpath -o bin/bench-sync ./scripts/bench-sync
exec bin/bench-sync -ferry bin/ferry -server bin/bench-s3server "$@"
