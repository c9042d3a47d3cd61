#!/bin/sh
# What ferry adds to a job: the same exec.sh, on the demo's small input, by `docker run` on local files, by `ferry run`
# with its files in S3 on loopback, and by ferry in the transfer image. Images are present, rounds interleaved.
# ROUNDS=9 rounds; the first of each is not counted.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/joblib.sh

ROUNDS=${ROUNDS:-9}
LIMIT=0.6 # seconds that ferry may add
TRANSFER_IMAGE=${IMAGE:-ferry:dev}

work=$(mktemp -d)
s3_pid=
cleanup() {
	[ -z "$s3_pid" ] || stop_s3
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

engine_socket
say "building"
build_all "$TRANSFER_IMAGE"
module_image=$(module_image)
start_s3 "$work" ferry-bench
mkdir "$work/prefix" "$work/times"

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
	docker run --rm -v "$work/plain/opt/gp:/opt/gp" -w "$JOB_DIR" "$module_image" bash "$METADATA_DIR/exec.sh"
}

describe() {
	set -- --remote "s3://ferry-bench/$1" --image "$module_image" --job-id "bench-$1" --user-id demo \
		--workdir "$JOB_DIR" --module-dir "$TASKLIB" --input "$UPLOADS"
	echo "$@"
}

ferry_run() {
	# shellcheck disable=SC2046 # words without blanks
	bin/ferry run --local-prefix "$work/prefix" $(describe "$1")
}

image_run() {
	# shellcheck disable=SC2046
	docker run --rm --network host -v "$socket:/var/run/docker.sock" -v "$work/prefix:/local" \
		-e AWS_ENDPOINT_URL -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_REGION \
		"$TRANSFER_IMAGE" run $(describe "$1")
}

# column prints the median, least and greatest of a file of numbers.
column() { sort -n "$1" | awk '{ t[NR] = $1 } END { print (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2, t[1], t[NR] }'; }

lay_out_job "$work/job" testdata/demo/input/two_classes.gct 50
round=0
while [ "$round" -le "$ROUNDS" ]; do
	say "round $round of $ROUNDS"
	rm -rf "$work/plain"
	lay_out_job "$work/plain" testdata/demo/input/two_classes.gct 50
	for kind in ferry image; do
		bin/ferry sync "$work/job" "s3://ferry-bench/$kind-$round" >/dev/null
	done
	timed plain plain_run
	timed ferry ferry_run "ferry-$round"
	timed image image_run "image-$round"
	[ "$round" -gt 0 ] || rm "$work"/times/*
	round=$((round + 1))
done

{
	echo "plain $(column "$work/times/plain")"
	echo "ferry $(column "$work/times/ferry")"
	echo "image $(column "$work/times/image")"
} | awk -v rounds="$ROUNDS" -v limit="$LIMIT" '
	BEGIN { label["plain"] = "docker run, local files"; label["ferry"] = "ferry run, S3"; label["image"] = "transfer image, S3" }
	{ median[$1] = $2; least[$1] = $3; most[$1] = $4; order[NR] = $1 }
	END {
		d = median["ferry"] - median["plain"]
		printf "ferry run / docker run: %.2f; difference %+.2f s, %s the limit of %.1f s\n",
			median["ferry"] / median["plain"], d, (d <= limit ? "within" : "ABOVE"), limit
		printf "%-26s %8s %8s %8s %8s %8s   (seconds, %d rounds)\n", "", "ratio", "added", "median", "least", "most", rounds
		for (i = 1; i <= NR; i++) { k = order[i]
			printf "%-26s %8.2f %8s %8.2f %8.2f %8.2f\n", label[k], median[k] / median["plain"], (i == 1 ? "" : sprintf("%+.2f", median[k] - median["plain"])),
				median[k], least[k], most[k] }
	}'
