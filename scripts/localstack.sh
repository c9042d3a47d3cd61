#!/bin/sh
# Installs LocalStack, an AWS emulator, in a virtual environment below bin/. It starts on the host, without Docker and without an
# account's token.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: localstack.sh install"
python_packages bin/localstack scripts/localstack.txt
