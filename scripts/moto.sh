#!/bin/sh
# Installs moto, an AWS emulator whose Batch runs real containers, in a virtual environment below bin/.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: moto.sh install"
version=5.2.5
if bin/moto/bin/python -c "import importlib.metadata as m, docker; assert m.version('moto') == '$version'" 2>/dev/null; then exit 0; fi
if is_debian; then packages python3-venv; fi
rm -rf bin/moto
python3 -m venv bin/moto
bin/moto/bin/pip install --quiet --disable-pip-version-check "moto[batch,s3,server]==$version" docker==7.2.0
