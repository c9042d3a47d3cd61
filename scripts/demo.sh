#!/bin/sh
# The main job, end to end: demo.sh [FILE.gct]. A job is put in S3, the transfer image runs it, and its results are
# fetched from S3 and compared with those of the same analysis without ferry. Everything is on this machine. Nothing is
# left behind but the Docker engine, if there was none, and the images.
#
# REMOTE_ENGINE=tcp://HOST:2376 (with REMOTE_CERTS, an absolute path of a folder with ca.pem, cert.pem and key.pem) or ssh://USER@HOST has the
# module's container on that engine instead, which cannot mount anything of this machine: ferry runs here, and copies.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/joblib.sh
top=$PWD

input=${1:-testdata/demo/input/two_classes.gct}
[ -f "$input" ] || die "no such file: \"$input\""
[ "$(uname -s)" = Linux ] || die "needs Linux: the containers and the S3 server share its network"
command -v go >/dev/null || die "needs Go 1.26 or later; see https://go.dev/doc/install"

work=$(mktemp -d)
s3_pid=
cleanup() {
	[ -z "$s3_pid" ] || stop_s3
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

step() { printf '\n== %s\n' "$*"; }
indent() { sed 's/^/   /'; }

# move runs ferry sync in the work directory, so that it prints short paths.
move() {
	(cd "$work" && "$top/bin/ferry" sync "$@") >"$work/move.log" 2>&1 || die "ferry sync $*: $(cat "$work/move.log")"
	indent <"$work/move.log"
}

REMOTE=s3://ferry-demo/gp
TRANSFER_IMAGE=${IMAGE:-ferry:dev}

step "Docker engine"
engine_socket
echo "   $engine"

step "Build ferry, the transfer image and an S3 server (some minutes the first time)"
build_all "$TRANSFER_IMAGE"
docker image inspect -f '{{.Size}}' "$TRANSFER_IMAGE" | awk -v name="$TRANSFER_IMAGE" '{ printf "   transfer image %s, %.1f MB\n", name, $1 / 1e6 }'
module_image=$(module_image)
echo "   module image   $module_image"

step "Put the job into S3"
start_s3 "$work" ferry-demo
echo "   S3 server at $AWS_ENDPOINT_URL"
lay_out_job "$work/job" "$input" 50
move job "$REMOTE"

mkdir "$work/local"
set -- run \
	--remote "$REMOTE" --image "$module_image" --job-id 1 --user-id demo \
	--workdir "$JOB_DIR" --module-dir "$TASKLIB" --input "$UPLOADS"
code=0
if [ -z "${REMOTE_ENGINE:-}" ]; then
	step "Run the job: ferry, in the transfer image, starts the module's container beside its own"
	cat <<-END
		   docker run --rm --network host \\
		     -v $socket:/var/run/docker.sock -v $work/local:/local \\
		     -e AWS_ENDPOINT_URL -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_REGION \\
		     $TRANSFER_IMAGE run \\
		     --remote $REMOTE --image $module_image --job-id 1 --user-id demo \\
		     --workdir $JOB_DIR --module-dir $TASKLIB --input $UPLOADS

	END
	docker run --rm --network host \
		-v "$socket:/var/run/docker.sock" -v "$work/local:/local" \
		-e AWS_ENDPOINT_URL -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_REGION \
		"$TRANSFER_IMAGE" --log-format console "$@" >"$work/ferry.log" 2>&1 || code=$?
	[ "$code" -ne 125 ] || die "the engine could not run $TRANSFER_IMAGE: $(cat "$work/ferry.log")"
else
	there() { DOCKER_HOST=$REMOTE_ENGINE DOCKER_TLS_VERIFY=${REMOTE_CERTS:+1} DOCKER_CERT_PATH=${REMOTE_CERTS:-} "$@"; }
	step "Bring the module's image to $REMOTE_ENGINE"
	if ! there docker image inspect "$module_image" >/dev/null 2>&1; then
		docker image inspect "$module_image" >/dev/null 2>&1 || docker pull -q "$module_image" >/dev/null
		docker save -o "$work/module.tar" "$module_image"
		there docker load -q -i "$work/module.tar" >"$work/load.log" 2>&1 || die "docker load: $(cat "$work/load.log")"
	fi
	step "Run the job: ferry here, the module's container there, files copied into it and out of it"
	cat <<-END
		   DOCKER_HOST=$REMOTE_ENGINE${REMOTE_CERTS:+ DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$REMOTE_CERTS} ferry run --stage copy --local-prefix $work/local \\
		     --remote $REMOTE --image $module_image --job-id 1 --user-id demo \\
		     --workdir $JOB_DIR --module-dir $TASKLIB --input $UPLOADS

	END
	there bin/ferry --log-format console "$@" --stage copy --local-prefix "$work/local" >"$work/ferry.log" 2>&1 || code=$?
fi
indent <"$work/ferry.log"
echo
echo "   exit code $code"
left=$(ls -A "$work/local")
echo "   left on this machine: ${left:-nothing}"

step "Fetch the results from S3"
move "$REMOTE$JOB_DIR" results

step "run.json"
[ -f "$work/results/.gp_metadata/run.json" ] || die "ferry left no record in S3"
bin/runsummary "$work/results/.gp_metadata/run.json" | indent
printf '\n   exit_code.txt: '
cat "$work/results/.gp_metadata/exit_code.txt"
echo

step "What the module says (stdout.txt, stderr.txt)"
cat "$work/results/.gp_metadata/stdout.txt" "$work/results/.gp_metadata/stderr.txt" | indent
for table in "$work"/results/*.markers.tsv; do
	[ -f "$table" ] || continue
	step "The best markers for each class ($(basename "$table"))"
	# The first five of the table, and where a second class begins, the first five of it.
	awk -F '\t' -v OFS='  ' 'NR == 1 || $1 <= 5 {
		text = ""
		for (i = 1; i <= 5 && i <= NF; i++) text = text sprintf(i == 1 ? "%-4s" : i == 2 ? "  %-18s" : i == 3 ? "  %-9s" : i == 4 ? "  %-50.50s" : "  %s", $i)
		print "   " text }' "$table"
done

step "The same analysis without ferry, byte for byte"
lay_out_job "$work/plain" "$input" 50
plain=0
docker run --rm --network none --user "$(id -u):$(id -g)" -v "$work/plain/opt/gp:/opt/gp" -w "$JOB_DIR" \
	"$module_image" bash "$METADATA_DIR/exec.sh" || plain=$?
[ "$plain" -eq "$code" ] || die "without ferry the exit code is $plain"
(cd "$work/plain$JOB_DIR" && find . -type f | sort) >"$work/want"
while read -r file; do
	cmp "$work/plain$JOB_DIR/$file" "$work/results/$file" || die "\"$file\" differs"
	printf '   same  %9d bytes  %.16s  %s\n' "$(wc -c <"$work/results/$file")" "$(sha256sum <"$work/results/$file")" "${file#./}"
done <"$work/want"
extra=$(cd "$work/results" && find . -type f ! -path './.gp_metadata/*' | while read -r file; do
	[ -f "$work/plain$JOB_DIR/$file" ] || echo "$file"
done)
[ -z "$extra" ] || die "results that the analysis alone does not make: $extra"

step "Done: exit code $code"
exit "$code"
