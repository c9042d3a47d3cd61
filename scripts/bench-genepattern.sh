#!/bin/sh
# What ferry adds to a job of a GenePattern server: 3 MB of tasklib, 1.5 MB of input, the module image present. The same
# exec.sh by `docker run` on local files, and by the transfer image as AWS Batch starts it, with the job in S3 on loopback,
# its uploads included. Rounds are interleaved; the first of each is not counted. ROUNDS=9 rounds, INPUT=FILE another input.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/joblib.sh
. scripts/serverjob.sh

ROUNDS=${ROUNDS:-9}
LIMIT=0.7 # seconds that ferry may add
TRANSFER_IMAGE=${IMAGE:-ferry:dev}

work=$(mktemp -d)
s3_pid=
cleanup() {
	[ -z "$s3_pid" ] || stop_s3
	rm -rf "$work" 2>/dev/null || as_root rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

engine_socket
say "building"
build_all "$TRANSFER_IMAGE"
module_image=$(module_image)
start_s3 "$work" ferry-bench
mkdir "$work/times"

# made BYTES prints that many bytes that do not compress, the same each time.
made() { awk -v n="$1" 'BEGIN { srand(1); for (i = 0; i < n / 8; i++) printf "%07d\n", rand() * 10000000 }'; }

# lay_out TOP ID makes a server's files for one job.
lay_out() {
	mkdir -p "$1$SERVER_TASKLIB/lib" "$1$SERVER_UPLOADS" "$1/opt/gp/jobs/$2"
	cp "$work/jar" "$1$SERVER_TASKLIB/lib/module.jar"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cp "$work/page" "$1$SERVER_TASKLIB/page$i.html"; done
	# What a short module does: read its input and its code, write some results.
	echo 'cat "$2" >/dev/null; sort "$1" >sorted.txt; for i in 1 2 3 4 5; do head -n 50 "$1" >"plot $i.txt"; done; wc -l "$1"' >"$1$SERVER_TASKLIB/run.sh"
	cp "$work/input" "$1$SERVER_UPLOADS/all aml train.gct"
	server_exec "$1" "$2" "sh $SERVER_TASKLIB/run.sh \"$SERVER_UPLOADS/all aml train.gct\" $SERVER_TASKLIB/lib/module.jar"
	server_sync "$1" "$2" "s3://ferry-bench/$2" "$SERVER_UPLOADS/all aml train.gct" "$SERVER_TASKLIB"
}
made 2600000 >"$work/jar"
made 20000 >"$work/page"
if [ -n "${INPUT:-}" ]; then cp -- "$INPUT" "$work/input"; else made 1500000 >"$work/input"; fi

# timed NAME COMMAND... appends the command's seconds to the times of NAME.
timed() {
	name=$1
	shift
	start=$(date +%s%N)
	"$@" >"$work/log" 2>&1 || die "\"$*\" ended with $?:
$(cat "$work/log")"
	echo "$start $(date +%s%N)" | awk '{ printf "%.4f\n", ($2 - $1) / 1e9 }' >>"$work/times/$name"
}

plain_run() {
	docker run --rm -v "$work/plain/opt/gp:/opt/gp" "$module_image" sh "/opt/gp/jobs/$1.meta/exec.sh"
}

ferry_run() {
	docker run --rm --network host --env-file "$work/env" \
		-e AWS_ENDPOINT_URL -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_REGION \
		-v "$socket:/var/run/docker.sock" -v "$work/local:/local" \
		"$TRANSFER_IMAGE" /usr/local/bin/copyFromS3ThenRun.sh
}

# column prints the median, least and greatest of a file of numbers.
column() { sort -n "$1" | awk '{ t[NR] = $1 } END { print (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2, t[1], t[NR] }'; }

round=0
while [ "$round" -le "$ROUNDS" ]; do
	say "round $round of $ROUNDS"
	rm -rf "$work/plain" "$work/server"
	mkdir -p "$work/local"
	lay_out "$work/plain" "1$round"
	lay_out "$work/server" "1$round"
	bin/ferry sync "$work/server" "s3://ferry-bench/1$round" >/dev/null
	server_env "1$round" "s3://ferry-bench/1$round" "$module_image" >"$work/env"
	timed plain plain_run "1$round"
	timed image ferry_run
	[ "$round" -gt 0 ] || rm "$work"/times/*
	round=$((round + 1))
done
# What it took must be what it did.
bin/ferry sync "s3://ferry-bench/1$ROUNDS/opt/gp/jobs" "$work/back" >/dev/null
[ "$(cat "$work/back/1$ROUNDS.meta/exit_code.txt")" = '{ "exit_code": 0 }' ] && [ -s "$work/back/1$ROUNDS/sorted.txt" ] || die "the last job's results are not in the store"

{
	echo "plain $(column "$work/times/plain")"
	echo "image $(column "$work/times/image")"
} | awk -v rounds="$ROUNDS" -v limit="$LIMIT" '
	BEGIN { label["plain"] = "docker run, local files"; label["image"] = "transfer image, S3" }
	{ median[$1] = $2; least[$1] = $3; most[$1] = $4; order[NR] = $1 }
	END {
		d = median["image"] - median["plain"]
		printf "transfer image / docker run: %.2f; difference %+.2f s, %s the limit of %.1f s\n",
			median["image"] / median["plain"], d, (d <= limit ? "within" : "ABOVE"), limit
		printf "%-26s %8s %8s %8s %8s %8s   (seconds, %d rounds)\n", "", "ratio", "added", "median", "least", "most", rounds
		for (i = 1; i <= NR; i++) { k = order[i]
			printf "%-26s %8.2f %8s %8.2f %8.2f %8.2f\n", label[k], median[k] / median["plain"], (i == 1 ? "" : sprintf("%+.2f", median[k] - median["plain"])),
				median[k], least[k], most[k] }
	}'
