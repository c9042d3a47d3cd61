#!/bin/sh
# SelectMarkers: finds the genes that tell two classes of samples apart, in a gene-expression matrix in GCT form. Golub
# et al., Science 286:531 (1999), describe the statistic and the data set it was first used on.
#
#	select_markers.sh -i FILE.gct [-n COUNT]
#
# It writes to the current directory, with FILE's name:
#	FILE.markers.tsv    the COUNT (default 50) best genes for each class, best first
#	FILE.filtered.gct   the genes that vary, on a log2 scale
#	FILE.summary.txt    what was done
# A sample's class is its name up to the first "_". Where there are not two classes of at least two samples, the genes
# are ranked by how much they vary instead.
#
# Needs sh, awk and sort, as busybox has them. The same input gives the same bytes.
set -eu
export LC_ALL=C

die() {
	echo "select_markers: $*" >&2
	exit 1
}

input= count=50
while getopts i:n: option; do
	case $option in
	i) input=$OPTARG ;;
	n) count=$OPTARG ;;
	*) die "usage: select_markers.sh -i FILE.gct [-n COUNT]" ;;
	esac
done
[ -n "$input" ] || die "no input: give -i FILE.gct"
[ -f "$input" ] || die "no such file: $input"
case $count in
'' | *[!0-9]* | 0* | ???????*) die "-n wants a number from 1 to 999999, not \"$count\"" ;;
esac

here=$(dirname "$0")
name=$(basename -- "$input")
name=${name%.gct}
work=$(mktemp -d ./.select_markers.XXXXXX)
trap 'rm -rf "$work"' EXIT

# The names go by the environment: awk would take backslashes in its own arguments for escapes.
INPUT=$name.gct WORK=$work COUNT=$count awk -f "$here/select_markers.awk" <"$input"

# The best for the first class have the highest scores, those for the second the lowest; equals go by name.
{
	cat "$work/header"
	sort -t "$(printf '\t')" -k1,1nr -k2,2 "$work/first" | head -n "$count" | cut -f 2- | awk '{ print NR "\t" $0 }'
	if [ -f "$work/second" ]; then
		sort -t "$(printf '\t')" -k1,1nr -k2,2 "$work/second" | head -n "$count" | cut -f 2- | awk '{ print NR "\t" $0 }'
	fi
} >"$work/markers"

mv "$work/markers" "./$name.markers.tsv"
mv "$work/filtered" "./$name.filtered.gct"
mv "$work/summary" "./$name.summary.txt"
cat "./$name.summary.txt"
