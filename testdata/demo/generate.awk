# Makes the demo's default input: awk -f generate.awk </dev/null >input/two_classes.gct. 200 invented genes by 12
# samples; 20 genes differ between the classes. It has on purpose what real files have: CR LF, the trailing tabs of a
# spreadsheet, quoted descriptions, missing values.
function random() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 } # Park and Miller's generator
function noise() { return random() + random() + random() + random() - 2 }
BEGIN {
	seed = 1999; genes = 200; samples = 12; tabs = ""
	for (s = 1; s <= samples; s++) {
		header = header sprintf("\t%s_%02d", s <= 7 ? "ALL" : "AML", s)
		tabs = tabs "\t"
	}
	printf "#1.2%s\t\r\n%d\t%d%s\r\nName\tDescription%s\r\n", tabs, genes, samples, tabs, header
	for (g = 1; g <= genes; g++) {
		base = 30 + 40 * (g * 7 % 50)
		description = g % 9 == 0 ? sprintf("\"Invented gene %d, \"\"precursor\"\"\"", g) : "Invented gene " g
		line = sprintf("G%03d_at\t%s", g, description)
		for (s = 1; s <= samples; s++) {
			x = base * (1 + 0.4 * noise())
			if (g % 20 == 3 && s <= 7 || g % 20 == 11 && s > 7) x *= 4
			if (g % 13 == 5) x *= 1 + 3 * random()
			if (g % 31 == 0) x -= 200
			x = int(x)
			line = line "\t" (g % 47 == 20 && s == 4 ? "" : g % 61 == 30 && s == 9 ? "NA" : x)
		}
		printf "%s\r\n", line
	}
}
