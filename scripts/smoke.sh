#!/bin/sh
# The smoke test against an AWS emulator: smoke.sh ENDPOINT [TRANSFER_IMAGE]. It makes a bucket there, puts jobs into it as
# a GenePattern server does, runs them with the transfer image as AWS Batch does, and reads exit codes and results back.
#
#	scripts/smoke.sh http://127.0.0.1:5000        # moto_server -p 5000
#	LOCALSTACK_AUTH_TOKEN=… docker compose -f scripts/compose.localstack.yaml up -d --wait
#	scripts/smoke.sh http://127.0.0.1:4566
#
# It needs Docker and curl 7.75 or later. The endpoint is reached from the host's network. MODULE_IMAGE=NAME runs another
# module image than the one it makes, FERRY=PATH puts files there and back with a binary that is there already.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/joblib.sh
. scripts/serverjob.sh

endpoint=${1:?usage: smoke.sh ENDPOINT [TRANSFER_IMAGE]}
transfer_image=${2:-}
work=$(mktemp -d)
# What the module wrote belongs to whoever it ran as.
trap 'rm -rf "$work" 2>/dev/null || as_root rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

engine_socket
ferry=${FERRY:-bin/ferry}
[ -n "${FERRY:-}" ] || make --no-print-directory -s build
if [ -z "$transfer_image" ]; then
	transfer_image=ferry:smoke
	make --no-print-directory -s image IMAGE="$transfer_image"
fi
MODULE_IMAGE=${MODULE_IMAGE:-$(module_image)}

# Emulators take any key; LocalStack makes an account of one that has twelve digits.
export AWS_ENDPOINT_URL="$endpoint" AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-test}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-test}" AWS_REGION="${AWS_REGION:-us-east-1}"
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL_S3
bucket=ferry-smoke-$(date +%s)-$$
remote=s3://$bucket/gp
curl -fsS --retry 5 --retry-connrefused --max-time 30 --aws-sigv4 "aws:amz:$AWS_REGION:s3" \
	-H "x-amz-content-sha256: $(printf '' | sha256sum | cut -d ' ' -f 1)" \
	--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -X PUT "$endpoint/$bucket" >/dev/null ||
	die "no bucket could be made at $endpoint"
say "bucket $bucket at $endpoint"

server=$work/server
mkdir -p "$server$SERVER_UPLOADS" "$server$SERVER_TASKLIB" "$work/local"
echo 'tr a-z A-Z <"$1"' >"$server$SERVER_TASKLIB/module.sh"
input="$SERVER_UPLOADS/all aml [train] (1).gct"
echo 'gene expression' >"$server$input"
for id in 101 102; do
	server_exec "$server" $id "sh $SERVER_TASKLIB/module.sh \"$input\""
	server_sync "$server" $id "$remote" "$input" "$SERVER_TASKLIB"
done
# A module that fails: what it wrote comes back, and its code.
server_exec "$server" 102 "sh -c 'echo partial >result.txt; echo sorry >&2; exit 3'"
# The older form: exec.sh redirects nothing, and the metadata dir is in the working dir.
mkdir -p "$server/opt/gp/jobs/103/.gp_metadata"
cat >"$server/opt/gp/jobs/103/.gp_metadata/exec.sh" <<END
#!/bin/bash
cd /opt/gp/jobs/103
sh $SERVER_TASKLIB/module.sh "$input"
env | grep -c AWS_
exit 4
END
"$ferry" sync "$server" "$remote" --only-show-errors

# run_job ID prints the transfer image's exit code.
run_job() {
	server_env "$1" "$remote" "$MODULE_IMAGE" >"$work/env"
	code=0
	docker run --rm --network host --env-file "$work/env" \
		-e AWS_ENDPOINT_URL -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_REGION \
		-v "$socket:/var/run/docker.sock" -v "$work/local:/local" \
		"$transfer_image" /usr/local/bin/copyFromS3ThenRun.sh >"$work/log.$1" 2>&1 || code=$?
	echo "$code"
}

# run_old ID runs the job in a module image of the first generation, which has ferry in place of its own wrapper, as a job
# definition with arguments does; it prints the exit code.
run_old() {
	mkdir -p "$work/image"
	cp "$ferry" "$work/image/runS3OnBatch.sh"
	printf 'FROM %s\nCOPY runS3OnBatch.sh /usr/local/bin/\nCMD ["/usr/local/bin/runS3OnBatch.sh"]\n' "$MODULE_IMAGE" >"$work/image/Dockerfile"
	docker build -q -t ferry-smoke/module:old "$work/image" >"$work/log.$1" 2>&1 || die "$(cat "$work/log.$1")"
	code=0
	docker run --rm --network host -e AWS_ENDPOINT_URL -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_REGION \
		ferry-smoke/module:old /usr/local/bin/runS3OnBatch.sh "$SERVER_TASKLIB" "$SERVER_UPLOADS" "$remote" "/opt/gp/jobs/$1" \
		"/opt/gp/jobs/$1/.gp_metadata/exec.sh" >>"$work/log.$1" 2>&1 || code=$?
	docker image rm ferry-smoke/module:old >/dev/null
	echo "$code"
}

failures=0
# expect WHAT GOT WANT
expect() {
	if [ "$2" = "$3" ]; then
		say "ok      $1"
	else
		failures=$((failures + 1))
		say "FAILED  $1: got \"$2\", want \"$3\""
	fi
}
content() { cat "$work/back/opt/gp/jobs/$1" 2>/dev/null || echo "(not there)"; }

first=$(run_job 101)
second=$(run_job 102)
third=$(run_old 103)
"$ferry" sync "$remote" "$work/back" --only-show-errors
expect "exit code of ferry" "$first" 0
expect "exit_code.txt" "$(content 101.meta/exit_code.txt)" '{ "exit_code": 0 }'
expect "stdout.txt" "$(content 101.meta/stdout.txt)" 'GENE EXPRESSION'
expect "s3_downloads.log" "$(content 101.meta/s3_downloads.log | grep -c 'all aml \[train\] (1).gct')" 1
expect "exit code of ferry, module failing" "$second" 3
expect "exit_code.txt, module failing" "$(content 102.meta/exit_code.txt)" '{ "exit_code": 3 }'
expect "stderr.txt, module failing" "$(content 102.meta/stderr.txt)" sorry
expect "result, module failing" "$(content 102/result.txt)" partial
expect "exit code of ferry in the module image" "$third" 4
expect "exit_code.txt, older form" "$(content 103/.gp_metadata/exit_code.txt)" '{ "exit_code": 4 }'
expect "stdout.txt, older form, without ferry's variables" "$(content 103/.gp_metadata/stdout.txt | tr '\n' ' ')" 'GENE EXPRESSION 0 '
expect "nothing left on the node" "$(find "$work/local" -mindepth 1 -maxdepth 1 ! -name .ferry | head -1)" ""
if [ "$failures" -gt 0 ]; then
	cat "$work"/log.* >&2
	die "$failures checks failed against $endpoint"
fi
say "all is well with $endpoint"
