#!/bin/sh
# Prints how copy staging compares with `docker cp`, freezing with `docker commit`, and what memory ferry takes. It needs a
# Docker engine and the docker command, 20 GB of disk, and six minutes; a machine that does nothing else gives steady
# numbers.
set -eu
cd "$(dirname "$0")/.."
exec go test ./commit -run '^$' -bench Reach -benchtime 1x -timeout 30m "$@"
