#!/bin/sh
# Installs moto, an AWS emulator whose Batch runs real containers, in a virtual environment below bin/.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: moto.sh install"
python_packages bin/moto scripts/moto.txt
