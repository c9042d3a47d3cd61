#!/bin/sh
# Installs a Jupyter kernel, its widgets, and what runs notebooks without a browser, in a virtual environment below bin/.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: jupyter.sh install"
version=7.4.0 widgets=8.1.8
if bin/jupyter/bin/python -c "import importlib.metadata as m, nbclient; assert (m.version('ipykernel'), m.version('ipywidgets')) == ('$version', '$widgets')" 2>/dev/null; then exit 0; fi
if is_debian; then packages python3-venv; fi
rm -rf bin/jupyter
python3 -m venv bin/jupyter
bin/jupyter/bin/pip install --quiet --disable-pip-version-check "ipykernel==$version" "ipywidgets==$widgets" nbclient==0.11.0 nbformat==5.11.1
