#!/bin/sh
# Installs a Jupyter kernel, its widgets, and what runs notebooks without a browser, in a virtual environment below bin/.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: jupyter.sh install"
python_packages bin/jupyter scripts/jupyter.txt
