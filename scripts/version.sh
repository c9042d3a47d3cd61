#!/bin/sh
# Prints the version of this working tree: the last tag and the commits since, or v0.0.0 and the commit where there is
# no tag, or v0.0.0-unknown outside of git.
set -eu
cd "$(dirname "$0")/.."
git describe --tags --dirty --match 'v[0-9]*' 2>/dev/null && exit
commit=$(git describe --always --dirty --abbrev=12 2>/dev/null) || commit=unknown
echo "v0.0.0-$commit"
