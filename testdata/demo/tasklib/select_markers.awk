# Reads a GCT file (version 1.2) and writes, to the directory WORK: "filtered", "summary", "header" (of the marker
# table) and "first" and "second", the candidates for each class with a sort key before each line.
#
# It takes GCT files as they are met: lines that end in CR LF, the trailing tabs that spreadsheets leave, quoted fields,
# missing values. What is wrong beyond that ends it with a message that names the line.

BEGIN {
	FLOOR = 20; CEILING = 16000     # the scanner's range in Golub's paper
	MIN_FOLD = 3; MIN_DELTA = 100   # a gene that varies less says nothing
	LOG_LIMIT = 50                  # no linear scale has so low a maximum
	MIN_SPREAD = 0.001              # two classes without any spread would divide by zero
	LN2 = 0.69314718055994530942
	input = ENVIRON["INPUT"]; work = ENVIRON["WORK"]
	rows = 0; missing = 0; max = -1e300
}

function fail(message) {
	printf "select_markers: %s: %s\n", input, message > "/dev/stderr"
	failed = 1
	exit 1
}

# fields splits a line at tabs into f[1..n], and joins again what quotes hold together.
function fields(line, f,    n, raw, i, j, k, part) {
	n = split(line, raw, "\t")
	if (index(line, "\"") == 0) {
		for (i = 1; i <= n; i++) f[i] = raw[i]
		return n
	}
	k = 0
	for (i = 1; i <= n; i++) {
		part = raw[i]
		if (part ~ /^"/) {
			for (j = i; j < n && part !~ /[^"](("")*)"$/ && part !~ /^"(("")*)"$/; ) part = part "\t" raw[++j]
			if (part ~ /"$/ && part != "\"") {
				part = substr(part, 2, length(part) - 2)
				gsub(/""/, "\"", part)
				gsub(/\t/, " ", part)
				i = j
			} else part = raw[i]    # a lone quote is a quote
		}
		f[++k] = part
	}
	return k
}

# trimmed is the number of fields without the empty ones at the end, but at least least.
function trimmed(f, n, least) {
	while (n > least && f[n] ~ /^ *$/) n--
	return n
}

# log2 and root are made of the four operations: some builds of busybox have no mathematics, and so every awk gives the
# same digits. log2 halves x into [1,2), where the series of the area tangent gains a digit with each term.
function log2(x,    e, z, w, term, sum, k) {
	if (x in log2of) return log2of[x]
	e = x
	w = 0
	while (x >= 2) { x /= 2; w++ }
	while (x < 1) { x *= 2; w-- }
	z = (x - 1) / (x + 1)
	term = z
	sum = 0
	for (k = 1; k <= 33; k += 2) { sum += term / k; term *= z * z }
	return log2of[e] = w + 2 * sum / LN2
}

# root is Newton's method, from above.
function root(x,    r, better, k) {
	if (x <= 0) return 0
	r = x > 1 ? x : 1
	for (k = 0; k < 2000; k++) {
		better = (r + x / r) / 2
		if (better >= r) break
		r = better
	}
	return r
}

{ sub(/\r$/, "") }

NR == 1 {
	sub(/^\357\273\277/, "")
	sub(/[ \t]+$/, "")
	if ($0 != "#1.2") fail("line 1 should be \"#1.2\", not \"" substr($0, 1, 40) "\": this is no GCT file")
	next
}

NR == 2 {
	n = trimmed(f, fields($0, f), 0)
	if (n != 2 || f[1] !~ /^[0-9]+$/ || f[2] !~ /^[0-9]+$/ || f[1] < 1 || f[2] < 1)
		fail("line 2 should be the number of rows and of samples, not \"" substr($0, 1, 40) "\"")
	wantRows = f[1] + 0; samples = f[2] + 0
	next
}

NR == 3 {
	n = trimmed(sample, fields($0, sample), 2)
	if (n != samples + 2) fail("line 3 names " n - 2 " samples, line 2 promises " samples)
	header = ""
	for (i = 1; i <= samples; i++) {
		s = sample[i + 2]
		if (s == "") fail("line 3: sample " i " has no name")
		if (s in position) fail("line 3 has the sample \"" s "\" twice")
		position[s] = i
		header = header "\t" s
		class[i] = s
		sub(/_.*/, "", class[i])
		if (!(class[i] in size)) names[++classes] = class[i]
		size[class[i]]++
	}
	next
}

/^[ \t]*$/ { next }

{
	n = fields($0, f)
	n = trimmed(f, n, samples + 2)
	if (n < samples + 2) fail("line " NR " has " n - 2 " values, line 2 promises " samples)
	if (n > samples + 2) fail("line " NR " has " n - 2 " values, more than the " samples " of line 2")
	if (f[1] == "") fail("line " NR " has no row name")
	if (f[1] in seen) fail("lines " seen[f[1]] " and " NR " have the same row name \"" f[1] "\"")
	if (++rows > wantRows) fail("line " NR " is row " rows ", line 2 promises " wantRows)
	seen[f[1]] = NR
	name[rows] = f[1]; description[rows] = f[2]
	values = ""
	for (i = 3; i <= n; i++) {
		v = f[i]
		if (v !~ /^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$/) {
			gsub(/^ +| +$/, "", v)
			if (v ~ /^([nN][aA][nN]?|null)?$/) { v = "x"; missing++ }
			else if (v !~ /^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$/)
				fail("line " NR ", sample \"" sample[i] "\": \"" substr(v, 1, 40) "\" is no number")
		}
		if (v != "x" && v + 0 > max) max = v + 0
		values = values " " v
	}
	value[rows] = values
}

END {
	if (failed) exit 1
	if (NR < 3) fail("it ends after line " NR + 0 ": this is no GCT file")
	if (rows != wantRows) fail("it has " rows " rows, line 2 promises " wantRows)
	if (max == -1e300) fail("it has no values")
	twoClasses = classes == 2 && size[names[1]] >= 2 && size[names[2]] >= 2
	isLog = max <= LOG_LIMIT
	kept = 0
	for (r = 1; r <= rows; r++) row(r)
	if (kept == 0) fail("no row varies enough to say anything")
	writeAll()
}

# row takes row r to the log scale, leaves it out where it does not vary, and scores it.
function row(r,    v, i, x, n, low, high, text) {
	n = split(value[r], v, " ")
	low = 1e300; high = -1e300
	for (i = 1; i <= n; i++) {
		if (v[i] == "x") continue
		x = v[i] + 0
		if (!isLog) {
			if (x < FLOOR) x = FLOOR
			if (x > CEILING) x = CEILING
		}
		v[i] = x
		if (x < low) low = x
		if (x > high) high = x
	}
	if (isLog ? high - low < log2(MIN_FOLD) : high / low < MIN_FOLD || high - low < MIN_DELTA) return
	text = ""
	for (i = 1; i <= n; i++) {
		if (v[i] != "x" && !isLog) v[i] = log2(v[i])
		text = text "\t" (v[i] == "x" ? "" : sprintf("%.4f", v[i]))
	}
	filtered[++kept] = name[r] "\t" description[r] text
	if (twoClasses) signalToNoise(r, v)
	else variation(r, v, n)
}

# moments sets mean, sd and count over the samples of a class, or over all for "".
function moments(v, c,    i, d) {
	count = 0; mean = 0; sd = 0
	for (i = 1; i <= samples; i++) if (v[i] != "x" && (c == "" || class[i] == c)) { mean += v[i]; count++ }
	if (count < 2) return
	mean /= count
	for (i = 1; i <= samples; i++) if (v[i] != "x" && (c == "" || class[i] == c)) { d = v[i] - mean; sd += d * d }
	sd = root(sd / (count - 1))
}

# signalToNoise is (mean1 - mean2) / (sd1 + sd2), on the log scale.
function signalToNoise(r, v,    m1, s1, n1, spread, score) {
	moments(v, names[1]); m1 = mean; s1 = sd; n1 = count
	moments(v, names[2])
	if (n1 < 2 || count < 2) { unscored++; return }
	spread = s1 + sd
	if (spread < MIN_SPREAD) spread = MIN_SPREAD
	score = (m1 - mean) / spread
	if (score == 0) return
	candidate(score > 0 ? "first" : "second", score > 0 ? score : -score,
		sprintf("%s\t%s\t%s\t%.6f\t%.4f\t%.4f\t%.4f\t%.4f",
			name[r], score > 0 ? names[1] : names[2], description[r], score, m1, s1, mean, sd))
}

# variation ranks by the standard deviation.
function variation(r, v, n) {
	moments(v, "")
	if (count < 2) { unscored++; return }
	candidate("first", sd, sprintf("%s\t%s\t%.6f\t%.4f", name[r], description[r], sd, mean))
}

function candidate(file, key, text) {
	printf "%.6f\t%s\n", key, text > (work "/" file)
	scored++
}

function writeAll(    k, out) {
	out = work "/filtered"
	printf "#1.2\n%d\t%d\nName\tDescription%s\n", kept, samples, header > out
	for (k = 1; k <= kept; k++) print filtered[k] > out

	out = work "/header"
	if (twoClasses) printf "rank\tname\thigher_in\tdescription\tsignal_to_noise\tmean_%s\tsd_%s\tmean_%s\tsd_%s\n",
		names[1], names[1], names[2], names[2] > out
	else printf "rank\tname\tdescription\tsd\tmean\n" > out
	printf "" > (work "/first")
	if (twoClasses) printf "" > (work "/second")

	out = work "/summary"
	printf "input          %s\n", input > out
	printf "matrix         %d genes, %d samples\n", rows, samples > out
	if (missing) printf "missing        %d values\n", missing > out
	if (twoClasses) printf "classes        %s (%d samples), %s (%d samples)\n",
		names[1], size[names[1]], names[2], size[names[2]] > out
	else printf "classes        not two of at least two samples: ranked by variation\n" > out
	if (isLog) printf "scale          taken for a log2 scale, its highest value being %s\n", max > out
	else printf "scale          limited to %d..%d, then log2\n", FLOOR, CEILING > out
	printf "variation      %d genes vary by a factor of %d or more%s\n", kept, MIN_FOLD,
		(isLog ? "" : " and by " MIN_DELTA) > out
	if (unscored) printf "unscored       %d genes with too few values\n", unscored > out
	printf "markers        up to %d%s, ranked by %s\n", ENVIRON["COUNT"], (twoClasses ? " for each class" : ""),
		(twoClasses ? "signal to noise" : "standard deviation on the log scale") > out
}
