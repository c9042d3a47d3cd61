#!/bin/sh
# staticcheck, errcheck, ineffassign and misspell over every Go module of the repository. Prints what they find, and fails
# where they find anything. The tools and their versions stand in tools/lint/go.mod, what errcheck passes over in
# tools/lint/errcheck.txt. lint.sh [PACKAGE...] looks at those packages of the main module only.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

command -v go >/dev/null || die "needs Go 1.26 or later; see https://go.dev/doc/install"
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=

tool() {
	go tool -modfile="$root/tools/lint/go.mod" "$@"
}

# check runs a tool and fails the whole where it says anything, or ends badly without a word.
check() {
	say "$1 in $module"
	ended=0
	"$@" >"$work/all" 2>&1 || ended=$?
	# On a new machine go says what it fetches, which is no finding.
	grep -v '^go: downloading ' "$work/all" >"$work/out" || :
	if [ "$ended" -eq 0 ] && [ ! -s "$work/out" ]; then
		return 0
	fi
	failed=yes
	[ -s "$work/out" ] || say "$1 failed"
	cat "$work/out"
}

staticcheck() { tool staticcheck "$@"; }
ineffassign() { tool ineffassign "$@"; }

# errcheck's own exit code is 1 for findings, more for what keeps it from looking.
errcheck() {
	status=0
	tool errcheck -exclude "$root/tools/lint/errcheck.txt" "$@" >"$work/errcheck" || status=$?
	[ "$status" -le 1 ] || return "$status"
	without_readers <"$work/errcheck"
}

# without_readers drops the Close of a variable that the same function got from an Open call or from OpenFile with O_RDONLY,
# of os or of an os.Root: such a file can only be read, so nothing is lost. Each line of its input is FILE:LINE:COLUMN:<tab>SOURCE.
without_readers() {
	awk -F : '
		match($0, /[A-Za-z_][A-Za-z_0-9]*\.Close\(\)/) {
			name = substr($0, RSTART, RLENGTH - length(".Close()"))
			if (substr($0, RSTART - 1, 1) != "." && opened($1, $2, name)) next
		}
		{ print }
		function opened(file, last, name,   line, n, found) {
			while (n < last && (getline line < file) > 0) {
				n++
				if (line ~ /^func /) found = 0
				if (line ~ "(^|[^A-Za-z_0-9])" name ", [a-zA-Z_]+ :?= ") found = line ~ /\.Open\(|\.OpenFile\(.*O_RDONLY/
			}
			close(file)
			return found
		}'
}

# spelling looks at every text of the repository.
spelling() {
	git ls-files -z -co --exclude-standard -- '*.go' '*.md' '*.sh' '*.yml' '*.yaml' Makefile Dockerfile |
		xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
		xargs -0 go tool -modfile="$root/tools/lint/go.mod" misspell -error
}

module="the main module"
if [ $# -gt 0 ]; then
	check staticcheck "$@"
	check errcheck "$@"
	check ineffassign "$@"
else
	for mod in $(git ls-files -- go.mod '*/go.mod'); do
		case $mod in
		tools/lint/* | */testdata/*) continue ;; # nothing of ours to look at
		go.mod) module="the main module" ;;
		*) module=$(dirname "$mod") ;;
		esac
		cd "$root/$(dirname "$mod")"
		check staticcheck ./...
		check errcheck ./...
		check ineffassign ./...
	done
	cd "$root"
	module="all files"
	check spelling
fi
[ -z "$failed" ] || die "there are findings"
