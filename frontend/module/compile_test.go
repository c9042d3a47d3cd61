package module

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
)

// manifestOf makes a manifest of a command line and of parameters, each written "name key=value key=value…" with "·" for a space
// within a value.
func manifestOf(t testing.TB, commandLine string, params ...string) Manifest {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "name=Demo\nLSID=urn:lsid:test:module.analysis:1:2\ncommandLine=%s\n", escaped(commandLine))
	for i, p := range params {
		fields := strings.Fields(p)
		fmt.Fprintf(&b, "p%d_name=%s\n", i+1, fields[0])
		for _, kv := range fields[1:] {
			key, value, _ := strings.Cut(kv, "=")
			fmt.Fprintf(&b, "p%d_%s=%s\n", i+1, key, escaped(strings.ReplaceAll(value, "·", " ")))
		}
	}
	m, err := Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func escaped(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }

var testLayout = Layout{LibDir: "L", WorkDir: "/job", InputDir: "I", JobID: "7", User: "ann"}

const (
	aFile = "type=java.io.File"
	opt   = "optional=on"
)

// given reads "name=value" texts.
func given(t testing.TB, m Manifest, texts ...string) Given {
	t.Helper()
	g, own := Given{}, map[string]bool{}
	for _, text := range texts {
		if err := g.Add(m, own, text); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// TestExamples has the rows of the examples of the contract, and of each of its rules.
func TestExamples(t *testing.T) {
	for name, c := range map[string]struct {
		template string
		params   []string
		given    []string
		want     string // arguments with "·" between them
	}{
		"classpath": {`<java> <java_flags> -cp <libdir>a.jar<path.separator><libdir>b.jar X <in> <o>`,
			[]string{"in " + aFile, "o default_value=<in_basename>.t.<in_extension>"}, []string{"in=/d/s1.gct"}, "java·-Xmx512m·-cp·L/a.jar:L/b.jar·X·I/s1.gct·s1.t.gct"},
		"empty vanishes":           {"run <in> <q> -b<q>", []string{"in " + aFile, "q " + opt}, []string{"in=/d/s1.gct"}, "run·I/s1.gct·-b"},
		"prefix with a space":      {"run <q>", []string{"q prefix_when_specified=--q·"}, []string{"q=a b"}, "run·--q·a b"},
		"prefix without":           {"run <q>", []string{"q prefix_when_specified=--q="}, []string{"q=a b"}, "run·--q=a b"},
		"prefix with two spaces":   {"run <q>", []string{"q prefix_when_specified=-i··"}, []string{"q=v"}, "run·-i ·v"},
		"prefix of a space":        {"run <q>", []string{"q prefix_when_specified=·"}, []string{"q=v"}, "run·v"},
		"prefix ends in backslash": {"run <q>", []string{`q prefix_when_specified=--q\·`}, []string{"q=v"}, `run·--q\·v`},
		"text around two":          {"run pre<q>post", []string{"q prefix_when_specified=--q·"}, []string{"q=v"}, "run·pre·--q·v·post"},
		"text around none":         {"run pre<q>post", []string{"q prefix_when_specified=--q· " + opt}, nil, "run·prepost"},
		"quotes":                   {`run "<a> <b>" '<a>' x"<b>" "" $HOME`, []string{"a", "b"}, []string{"a=1", "b=2 3"}, `run·1 2 3·'1'·x"2 3"··$HOME`},
		"plain characters":         {`run a|b \x 'a b' $(id) ;`, nil, nil, `run·a|b·\x·'a·b'·$(id)·;`},
		"a value is not split":     {"run <o>", []string{"o"}, []string{"o=my out.txt"}, "run·my out.txt"},
		"a placeholder is":         {"run <o>", []string{"in " + aFile, "o"}, []string{"in=/d/s1.gct", "o=<in_basename> v2.txt"}, "run·s1·v2.txt"},
		"label":                    {"run <m>", []string{"m value=fast=Quick;slow=Thorough"}, []string{"m=Thorough"}, "run·slow"},
		"argument of a choice":     {"run <m>", []string{"m value=fast=Quick;slow=Thorough"}, []string{"m=fast"}, "run·fast"},
		"label as default":         {"run <m>", []string{"m value=fast=Quick;slow=Thorough default_value=Thorough"}, nil, "run·slow"},
		"empty choice":             {"run -m<m>", []string{"m choices==None;a=A prefix_when_specified=x"}, []string{"m=None"}, "run·-m"},
		"cmd":                      {"run <k>", []string{"k numValues=0+ listMode=cmd prefix_when_specified=-k"}, []string{"k=x", "k=y z"}, "run·-kx,y z"},
		"cmd with a separator":     {"run <k>", []string{"k numValues=0+ listMode=CMD listModeSep=:"}, []string{"k=x", "k=y"}, "run·x:y"},
		"cmd_opt":                  {"run <k>", []string{"k numValues=0+ listMode=cmd_opt prefix_when_specified=-k·"}, []string{"k=x", "k=y z"}, "run·-k·x·-k·y z"},
		"list of one":              {"run <f>", []string{"f numValues=0+ prefix_when_specified=-f· " + aFile}, []string{"f=/d/a.fq"}, "run·-f·I/f.list.txt"},
		"list of none":             {"run <f>", []string{"f numValues=0+ prefix_when_specified=-f· " + aFile}, nil, "run"},
		"legacy of one":            {"run <f>", []string{"f numValues=0+ listMode=legacy " + aFile}, []string{"f=/d/a.fq"}, "run·I/a.fq"},
		"legacy of two":            {"run <f>", []string{"f numValues=0+ listMode=legacy " + aFile}, []string{"f=/d/a.fq", "f=/d/b.fq"}, "run·I/f.list.txt"},
		"list always":              {"run <f>", []string{"f numValues=0+ listMode=LIST_INCLUDE_EMPTY " + aFile}, nil, "run·I/f.list.txt"},
		"files as cmd":             {"run <f>", []string{"f numValues=1+ listMode=cmd prefix_when_specified=-i· " + aFile}, []string{"f=/d/a", "f=/e/a"}, "run·-i·I/a,I/2/a"},
		"files as cmd_opt":         {"run <f>", []string{"f numValues=1+ listMode=cmd_opt prefix_when_specified=-i " + aFile}, []string{"f=/d/a", "f=/d/b"}, "run·-iI/a·-iI/b"},
		"one of at most one":       {"run <f>", []string{"f numValues=0..1 " + aFile}, []string{"f=/d/a.fq"}, "run·I/a.fq"},
		"taken name":               {"run <f> <g>", []string{"f " + aFile, "g " + aFile}, []string{"f=/d/a.fq", "g=/e/a.fq"}, "run·I/a.fq·I/2/a.fq"},
		"groups":                   {"run <f>", []string{"f numValues=0+ numGroups=0..2 " + aFile}, []string{"f@one=/d/a", "f@two=/d/b"}, "run·I/f.group.tsv"},
		"url passed":               {"run <f>", []string{"f url=on " + aFile}, []string{"f=https://host/a%20b.gct?x=1"}, "run·https://host/a%20b.gct?x=1"},
		"url staged":               {"run <f> <f_file>", []string{"f " + aFile}, []string{"f=https://host/a%20b.gct?x=1"}, "run·I/a b.gct·a b.gct"},
		"parts of a name":          {"run <f_file> <f_basename> <f_extension> <f_path> <user.dir>", []string{"f " + aFile}, []string{"f=/d/a.tar.gz"}, "run·a.tar.gz·a.tar·gz·/job·/job"},
		"default in the module":    {"run <f>", []string{"f default_value=<libdir>genes.txt " + aFile}, nil, "run·L/genes.txt"},
		"programs":                 {"run <java> <perl> <python_3.6> <python_2.7> <Rscript> <R3.1_Rscript> <R2.5_HOME>", nil, nil, "run·java·perl·python3·python·Rscript·Rscript·/usr/local"},
		"R":                        {"<R2.5> <libdir>x.R main", nil, nil, "java·-DR_HOME=/usr/local·-Dr_flags=--no-save --quiet --slave --no-restore·-Xmx512m·-cp·/build·RunR·L/x.R·main"},
		"R in a flag":              {"run <R3.0_Rjava> <R-2.7.2>", nil, nil, "run·" + strings.Repeat("·java·-DR_HOME=/usr/local·-Dr_flags=--no-save --quiet --slave --no-restore·-Xmx512m·-cp·/build·RunR", 2)[2:]},
		"separators":               {"run a<path.separator>b<file.separator>c", nil, nil, "run·a:b/c"},
		"job":                      {"run <job_id> <name> <LSID> <userid> <job.cpuCount> -m<job.memory>", nil, nil, "run·7·Demo·urn:lsid:test:module.analysis:1:2·ann·1·-m"},
		"env":                      {"run x<env-arch> <env-custom>", nil, nil, "run·x"},
		"set":                      {"<BWA_0.7.4> <java> mem", nil, nil, "/opt/bwa·java17·mem"},
		"one character after":      {"run <libdir>x <d>/", []string{"d"}, []string{"d=a"}, "run·L/x·a/"},
		"no placeholders":          {"echo two words", nil, nil, "echo·two·words"},
		"typed less-than":          {"run <q>", []string{"q"}, []string{"q=p<0.05>"}, "run·p<0.05>"},
		"typed, of both":           {"run <q>", []string{"q", "a default_value=1"}, []string{"q=p<0.05> <a>"}, "run·p<0.05>·1"},
		"typed quotes":             {"run <q>", []string{"q"}, []string{`q="a b`}, `run·"a b`},
		"typed, open quote":        {"run <q>", []string{"q", "a default_value=1"}, []string{`q="<a> b`}, `run·"1·b`},
		"shell characters":         {"run <q>", []string{"q"}, []string{"q=$(id) `x` \n; 'a' \"b\" \\ * ~ & | > <"}, "run·$(id) `x` \n; 'a' \"b\" \\ * ~ & | > <"},
		"a typed redirect":         {"run <q> x", []string{"q"}, []string{`q=\>`}, `run·\>·x`},
		"no placeholder":           {"run <^x> < y> <>", nil, nil, "run·<^x>·<·y>·<>"},
		"blank, given":             {"run <q>", []string{"q default_value=d " + opt}, []string{"q="}, "run"},
		"default":                  {"run <q>", []string{"q default_value=d " + opt}, nil, "run·d"},
		"run-with-env":             {"<run-with-env> -c java/8 -u x -e A=b Rscript <libdir>x.R", nil, nil, "Rscript·L/x.R"},
		"path in a path":           {"run <f>", []string{"f " + aFile}, []string{"f=/d/<name> x.gct"}, "run·I/<name> x.gct"},
		"output file is no input":  {"run <o>", []string{"o TYPE=FILE MODE=OUT"}, []string{"o=x.txt"}, "run·x.txt"},
		"trailing space counts":    {"run <q>", []string{"q default_value=v·"}, nil, "run·v "},
		"prefix of many":           {"run <o>", []string{"in " + aFile, "o prefix_when_specified=-o"}, []string{"in=/d/s1.gct", "o=<in_basename> v2"}, "run·-os1·v2"},
		"several in a word":        {"run <a>:<b>", []string{"a", "b prefix_when_specified=-b·"}, []string{"a=1", "b=2"}, "run·1:·-b·2"},
	} {
		t.Run(name, func(t *testing.T) {
			m := manifestOf(t, c.template, c.params...)
			plan, err := Compile(m, given(t, m, c.given...), testLayout, Options{Set: map[string]string{"BWA_0.7.4": "/opt/bwa", "java": java(name)}})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(plan.Command, "·"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// java replaces <java> in one row alone.
func java(row string) string {
	if row == "set" {
		return "java17"
	}
	return "java"
}

func compileOf(t *testing.T, template string, params []string, texts ...string) (Plan, error) {
	t.Helper()
	m := manifestOf(t, template, params...)
	return Compile(m, given(t, m, texts...), testLayout, Options{})
}

func TestRedirects(t *testing.T) {
	for template, want := range map[string]Plan{
		`cat \< <in> \> <o>`:                 {Command: []string{"cat"}, Stdin: "I/s1.gct", Stdout: "s1.txt", Stderr: "stderr.txt"},
		`cat <in> \>& err.log x`:             {Command: []string{"cat", "I/s1.gct", "x"}, Stdout: "stdout.txt", Stderr: "err.log"},
		`cat <in> \> <q> x`:                  {Command: []string{"cat", "I/s1.gct", "x"}, Stdout: "stdout.txt", Stderr: "stderr.txt"},
		`cat "\>" \>x > y`:                   {Command: []string{"cat", `\>`, `\>x`, ">", "y"}, Stdout: "stdout.txt", Stderr: "stderr.txt"},
		`cat \> out.txt \>& "my errors.txt"`: {Command: []string{"cat"}, Stdout: "out.txt", Stderr: "my errors.txt"},
	} {
		got, err := compileOf(t, template, []string{"in " + aFile, "o default_value=<in_basename>.txt", "q " + opt}, "in=/d/s1.gct")
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if !slices.Equal(got.Command, want.Command) || got.Stdin != want.Stdin || got.Stdout != want.Stdout || got.Stderr != want.Stderr {
			t.Errorf("%s: %q <%s >%s 2>%s", template, got.Command, got.Stdin, got.Stdout, got.Stderr)
		}
	}
	for template, want := range map[string]string{`cat \>`: `no file follows \>`, `cat \> ../x`: "outside the job's directory", `cat \>& /etc/x`: "outside the job's directory"} {
		if _, err := compileOf(t, template, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", template, err, want)
		}
	}
}

func TestJavaMemory(t *testing.T) {
	for template, want := range map[string]string{
		"<java> <java_flags> -cp x Y": "java -Xmx10g -cp x Y",
		"<java> -cp x Y":              "java -Xmx10g -cp x Y",
		"java -Xms1g -Xmx2g -Xmx3g Y": "java -Xms1g -Xmx10g -Xmx3g Y",
		"<java_1.8> Y":                "java -Xmx10g Y",
		"<R2.7> x.R":                  "java -DR_HOME=/usr/local -Dr_flags=--no-save --quiet --slave --no-restore -Xmx10g -cp /build RunR x.R",
		"perl x.pl -Xmx1g":            "perl x.pl -Xmx1g",
		"javac -Xmx1g":                "javac -Xmx1g",
	} {
		m := manifestOf(t, template)
		m.Job["job.memory"] = "10 Gb"
		plan, err := Compile(m, nil, testLayout, Options{})
		if got := strings.Join(plan.Command, " "); err != nil || got != want {
			t.Errorf("%s: %s (%v)\nwant %s", template, got, err, want)
		}
	}
	m := manifestOf(t, "<java> -Xmx1g X <job.memory> <job.cpuCount>")
	m.Job["job.memory"] = "10 Gb"
	plan, err := Compile(m, given(t, m, "job.memory=1.5gb", "job.cpuCount=4"), testLayout, Options{})
	if got := strings.Join(plan.Command, " "); err != nil || got != "java -Xmx1536m X 1.5gb 4" || plan.Resources.Memory != 1536<<20 || plan.Resources.CPUs != 4 {
		t.Errorf("%s, %+v (%v)", got, plan.Resources, err)
	}
}

func TestProblems(t *testing.T) {
	params := []string{"input.file fileFormat=gct;res " + aFile, "mode value=fast=Quick;slow=Thorough default_value=fast", "k numValues=1..2 default_value=a", "n range=1..10 default_value=None", "two numValues=2+ " + opt}
	_, err := compileOf(t, "run <input.file>", params, "inputfile=x", "mode=zzz", "k=1", "k=2", "k=3", "n=0.5", "two=1", "zebra=1", "job.memory=lots")
	want := []string{
		"unknown parameter inputfile: did you mean input.file?",
		"input.file is required (gct, res)",
		"mode=zzz is none of fast (Quick), slow (Thorough)",
		"k: 3 values, at most 2",
		"n=0.5 is outside 1..10",
		"two: 1 value, at least 2",
		"unknown parameter zebra",
		"job.memory=lots is no size, such as 8 Gb",
	}
	if cause.Of(err) != cause.Usage {
		t.Fatalf("cause %q: %v", cause.Of(err), err)
	}
	slices.Sort(want)
	if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, ok := range [][]string{{"n=None"}, {"n=10"}, {"mode="}} {
		if _, err := compileOf(t, "run <n> <mode>", params[1:4], ok...); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
}

func TestMoreProblems(t *testing.T) {
	for want, c := range map[string]struct {
		template string
		params   []string
		given    []string
	}{
		"commandLine: nobody knows <BWA_0.7.4>: give --set NAME=VALUE":       {"<BWA_0.7.4> mem", nil, nil},
		"commandLine: nobody knows <inputfile> (is <input.file> meant?)":     {"run <inputfile>", []string{"input.file " + opt}, nil},
		`commandLine: the quote before "open" does not end`:                  {`run "open`, nil, nil},
		"commandLine: <a> holds itself: a in b in a":                         {"run <a>", []string{"a default_value=<b>", "b default_value=<a>"}, nil},
		"commandLine: <a> holds itself: a in a":                              {"run <a>", []string{"a default_value=x<a>"}, nil},
		`commandLine: "<q>" makes no command`:                                {"<q>", []string{"q " + opt}, nil},
		"commandLine: -e x is not NAME=VALUE":                                {"<run-with-env> -e x run", nil, nil},
		"q takes no groups: q@g":                                             {"run", []string{"q " + opt}, []string{"q@g=v"}},
		"f takes groups: f@GROUP=/x":                                         {"run", []string{"f numGroups=1+ numValues=1+ " + aFile}, []string{"f=/x"}},
		"f: 3 groups, and it takes 1..2":                                     {"run", []string{"f numGroups=1..2 numValues=1+ " + aFile}, []string{"f@a=/x", "f@b=/y", "f@c=/z"}},
		"q is required":                                                      {"run <q>", []string{"q default_value=d"}, []string{"q="}},
		"q: 2 values, at most 1":                                             {"run <q>", []string{"q"}, []string{"q=1", "q=2"}},
		"n=many is no number; it must be within 1+":                          {"run", []string{"n range=1+"}, []string{"n=many"}},
		"n=6 is outside 5-":                                                  {"run", []string{"n range=5-"}, []string{"n=6"}},
		"f: gopher://x/y: gopher:// is none of http, https, ftp, s3, gs, az": {"run", []string{"f " + aFile}, []string{"f=gopher://x/y"}},
		"f: https://host/: it names no file":                                 {"run", []string{"f " + aFile}, []string{"f=https://host/"}},
		"f: file://other/x is no file:// URL of this machine":                {"run", []string{"f " + aFile}, []string{"f=file://other/x"}},
		"d: s3://b/x: a directory must be one of this machine":               {"run", []string{"d TYPE=DIRECTORY"}, []string{"d=s3://b/x"}},
		"job.walltime=soon is no time, such as 2-00:00:00":                   {"run", nil, []string{"job.walltime=soon"}},
		"job.cpuCount=-1 is no number of cores":                              {"run", nil, []string{"job.cpuCount=-1"}},
	} {
		_, err := compileOf(t, c.template, c.params, c.given...)
		if err == nil || !strings.Contains(err.Error(), want) || cause.Of(err) != cause.Usage {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// Parameters that hold each other many times must not fill the memory.
func TestEndlessExpansion(t *testing.T) {
	var params []string
	for i := range 40 {
		params = append(params, fmt.Sprintf("p%d default_value=%s", i, strings.Repeat(fmt.Sprintf("<p%d>·", i+1), 10)))
	}
	params = append(params, "p40 default_value=x")
	if _, err := compileOf(t, "run <p0>", params); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("%v", err)
	}
	params[len(params)-1] = "p40 " + opt // which stands for nothing
	if _, err := compileOf(t, "run <p20>", params); err == nil || !strings.Contains(err.Error(), "more than 100000 placeholders") {
		t.Errorf("%v", err)
	}
	params[len(params)-1] = "p40 default_value=x"
	if _, err := compileOf(t, "run <p20>", params); err == nil || !strings.Contains(err.Error(), "grows beyond") {
		t.Errorf("%v", err)
	}
}

func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"taskType=pipeline":                 "Demo is a pipeline",
		"taskType=org.genepattern.Pipeline": "Demo is a pipeline",
		"taskType=Visualizer":               "Demo is a visualizer",
		"taskType=ImageVISUALIZER":          "Demo is a visualizer",
		"taskType=JavaScript":               "Demo is a JavaScript module",
		"taskType=Patch":                    "Demo is a patch",
		"os=Windows":                        "Demo runs on Windows only",
		"os=Mac OS X,Windows":               "Demo runs on Mac OS X,Windows only",
		"commandLine=  ":                    "Demo has no commandLine",
	} {
		m, err := Parse([]byte("name=Demo\ncommandLine=run\n" + text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Compile(m, nil, testLayout, Options{})
		if cause.Of(err) != cause.Refused || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"os=any", "os=Linux", "os=Windows,Linux", "os=", "taskType=Visualizers of old"} {
		m, err := Parse([]byte("name=Demo\ncommandLine=run\n" + text + "\n"))
		if err == nil {
			_, err = Compile(m, nil, testLayout, Options{})
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestImages(t *testing.T) {
	for c, want := range map[[2]string]string{
		{"CART", "2"}: "genepattern/docker-r-2-5:0.1", {"CART", "3"}: "genepattern/docker-java17:0.12", {"CARTXValidation", "2.2"}: "genepattern/docker-r-2-5:0.1",
		{"CARTXValidation", "2"}: "genepattern/docker-r-2-5:0.1", {"ComBat", "3"}: "genepattern/docker-r-2-7:0.1", {"RankNormalize", "9"}: "genepattern/docker-r-2-15:0.1",
		{"ConstellationMap", "1.4.2"}: "genepattern/docker-r-3-0-conmap:0.1", {"DESeq2", "0.4"}: "genepattern/docker-r-3-2:0.1", {"HierarchicalClustering", "7.17"}: "genepattern/docker-python36:0.5",
		{"GSEA", "19.0.18"}: "genepattern/docker-java18:0.1", {"STAR.aligner", ""}: "genepattern/docker-staraligner:v0.43", {"TopHat", "8.9"}: "genepattern/docker-tophat:0.1",
		{"Unheard", "1"}: "genepattern/docker-java17:0.12",
	} {
		text := "name=" + c[0] + "\ncommandLine=run\n"
		if c[1] != "" {
			text += "LSID=urn:lsid:a:b:1:" + c[1] + "\n"
		}
		m, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := Compile(m, nil, testLayout, Options{})
		if err != nil || plan.Image.Ref != want {
			t.Errorf("%v: %+v (%v), want %s", c, plan.Image, err, want)
		}
		if said := strings.Contains(strings.Join(plan.Notes, "\n"), "java17:0.12 is taken"); said != (want == "genepattern/docker-java17:0.12") {
			t.Errorf("%v: notes %q", c, plan.Notes)
		}
	}
	m := manifestOf(t, "run")
	m.Language = "R"
	site, err := ParseImages([]byte("my/r:1 lang=r\nmy/demo:2 Demo:2 # ours\nmy/any:1 *\n"))
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]func(*Manifest, *Options){
		"my/demo:2": func(*Manifest, *Options) {},
		"my/r:1":    func(m *Manifest, _ *Options) { m.Name = "Other" },
		"my/any:1":  func(m *Manifest, _ *Options) { m.Name, m.Language = "Other", "Perl" },
		"of/flag:1": func(m *Manifest, o *Options) {
			m.Job = map[string]string{"job.docker.image": "of/manifest:1"}
			o.Image = "of/flag:1"
		},
		"of/given:1": func(m *Manifest, o *Options) { m.Job = map[string]string{"job.docker.image": " of/given:1 "} },
		"genepattern/docker-java18:0.1": func(m *Manifest, o *Options) {
			m.Name, m.Language, m.Job = "Chip2Chip", "Java", map[string]string{"job.docker.image": " "}
		},
	} {
		m, opts := m, Options{Images: site}
		o(&m, &opts)
		if plan, err := Compile(m, nil, testLayout, opts); err != nil || plan.Image.Ref != want {
			t.Errorf("%+v (%v), want %s", plan.Image, err, want)
		}
	}
	for _, bad := range []string{"image\n", "image a,b\n", "image a,\n"} {
		if _, err := ParseImages([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestResources(t *testing.T) {
	for text, want := range map[string]int64{"8 Gb": 8 << 30, "8gb": 8 << 30, "8": 8 << 30, "512m": 512 << 20, "512 MB": 512 << 20, "1.5g": 3 << 29, "100b": 100, "1024k": 1 << 20, "2T": 2 << 40, "1pb": 1 << 50} {
		if got, err := parseMemory(text); err != nil || got != want {
			t.Errorf("%q: %d (%v), want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]float64{"2-01:00:00": 176400, "01:02:03": 3723, "02:03": 123, "90": 90, `"02:00:00"`: 7200, "'10'": 10} {
		if got, err := parseWalltime(text); err != nil || got.Seconds() != want {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	}
	m := manifestOf(t, "run")
	m.Job = map[string]string{"job.memory": " ", "job.walltime": `""`, "job.cpuCount": ""}
	if plan, err := Compile(m, nil, testLayout, Options{}); err != nil || plan.Resources != (Resources{}) {
		t.Errorf("blank: %+v (%v)", plan.Resources, err)
	}
}

func TestLists(t *testing.T) {
	m := manifestOf(t, "run <f> <g>", "f numValues=1+ "+aFile, "g numValues=1+ numGroups=1+ fileColumnLabel=File groupColumnLabel=Class "+aFile)
	plan, err := Compile(m, given(t, m, "f=/d/a.fq", "f=/e/a.fq", "g@one=/d/x", "g@two=https://h/y%20z"), testLayout, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"I/f.list.txt": "I/a.fq\nI/2/a.fq\n", "I/g.group.tsv": "File\tClass\tURL\nI/x\tone\t/d/x\nI/y z\ttwo\thttps://h/y%20z\n"}
	for _, l := range plan.Lists {
		if want[l.Path] != string(l.Data) {
			t.Errorf("%s is %q", l.Path, l.Data)
		}
		delete(want, l.Path)
	}
	if len(want) > 0 || len(plan.Inputs) != 4 {
		t.Errorf("missing %v, inputs %+v", want, plan.Inputs)
	}
}

func TestFilesAreChecked(t *testing.T) {
	m := manifestOf(t, "run <f> <d>", "f "+aFile, "d TYPE=DIRECTORY")
	layout := testLayout
	layout.Check = func(file string, kind Kind) error { return errors.New("no " + string(kind) + " " + file) }
	_, err := Compile(m, given(t, m, "f=/x", "d=/y"), layout, Options{})
	if err == nil || err.Error() != "d: no directory /y\nf: no file /x" {
		t.Errorf("%v", err)
	}
}

func TestRunWithEnvAndPassword(t *testing.T) {
	plan, err := compileOf(t, "<run-with-env> -e A=b=c -c x -e B= run <pw>", []string{"pw type=PASSWORD"}, "pw=secret")
	if err != nil || !slices.Equal(plan.Env, []string{"A=b=c", "B="}) || !slices.Equal(plan.Secrets, []string{"secret"}) || !slices.Equal(plan.Command, []string{"run", "secret"}) {
		t.Errorf("%+v (%v)", plan, err)
	}
}

// A module may not name a file of whoever runs it, nor a URL that their credentials open.
func TestPrivateDefaults(t *testing.T) {
	for _, value := range []string{"/root/.ssh/id_rsa", "file:///root/.ssh/id_rsa", "s3://private/x", "gs://private/x", "az://private/x", "~/.aws/credentials", "x/y"} {
		m := manifestOf(t, "run <f>", "f "+aFile+" default_value="+value)
		if _, err := Compile(m, Given{}, testLayout, Options{}); err == nil || !strings.Contains(err.Error(), "may be private") {
			t.Errorf("the default %s: %v", value, err)
		}
		if _, err := Compile(m, given(t, m, "f=/x"), testLayout, Options{}); err != nil {
			t.Errorf("another than the default %s: %v", value, err)
		}
		m = manifestOf(t, "run <f>", "f "+aFile+" value="+strings.ReplaceAll(value, ":", `\:`)+"=Human")
		if _, err := Compile(m, given(t, m, "f=Human"), testLayout, Options{}); err == nil || !strings.Contains(err.Error(), "may be private") {
			t.Errorf("the choice %s: %v", value, err)
		}
	}
	for _, value := range []string{"https://example.org/a.gct", "ftp://example.org/a.gct", "<libdir>genes.txt"} {
		m := manifestOf(t, "run <f>", "f "+aFile+" default_value="+value)
		if _, err := Compile(m, Given{}, testLayout, Options{}); err != nil {
			t.Errorf("the default %s: %v", value, err)
		}
	}
}
