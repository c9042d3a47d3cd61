#!/bin/sh
# Installs the AWS CLI that ferry is compared with, in a virtual environment below bin/.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
[ "${1:-}" = install ] || die "usage: awscli.sh install"
version=1.46.3
if is_debian; then packages groff-base; fi # its help is written with it
if bin/awscli/bin/aws --version 2>/dev/null | grep -q "^aws-cli/$version "; then exit 0; fi
if is_debian; then packages python3-venv; fi
rm -rf bin/awscli
python3 -m venv bin/awscli
bin/awscli/bin/pip install --quiet --disable-pip-version-check "awscli==$version"
