package module

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
)

func TestProperties(t *testing.T) {
	text := strings.Join([]string{
		"# comment", "! comment", "", "   a=1", "b : 2", "c 3", "d", "e=x\\", "   y", "f=a\\tb\\nc\\rd\\fe\\q\\\\", "g=trailing  ", "h\\=\\:\\ i=v", "j=\\u0041\\ud83e\\uddec",
		"k=one", "k=two", "l==", "m = = x", "n=\\", "# no comment", "o=\xe9", "p=odd\\\\\\", "q", "\tr\t=\ts",
	}, "\r\n")
	want := map[string]string{"a": "1", "b": "2", "c": "3", "d": "", "e": "xy", "f": "a\tb\nc\rd\feq\\", "g": "trailing  ", "h=: i": "v", "j": "A🧬", "k": "two", "l": "=",
		"m": "= x", "n": "# no comment", "o": "é", "p": "odd\\q", "r": "s"}
	got, err := properties([]byte(text))
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
	for text, want := range map[string]string{"a=é": "é", "a=\xe9": "é", "\ufeffa=b": "b", "a=b\\": "b"} {
		if got, err := properties([]byte(text)); err != nil || got["a"] != want {
			t.Errorf("%q: %q (%v)", text, got, err)
		}
	}
	for _, text := range []string{"x=1\n\na=\\u12", "x=1\n\na=\\u12g4", "x=1\n\n\\uzzzz=1"} {
		if _, err := properties([]byte(text)); err == nil || !strings.Contains(err.Error(), "manifest, line 3:") || !strings.Contains(err.Error(), "four hexadecimal digits") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestManifest(t *testing.T) {
	m, err := Parse([]byte(`#ConvertLineEndings
name=Demo
LSID=urn\:lsid\:broad.mit.edu\:cancer.software.genepattern.module.analysis\:00002\:1.2
description=What it does
commandLine=<perl> <libdir>x.pl <input.filename> \\> out
taskType=Preprocess & Utilities
job.memory=2 Gb
job.docker.image=genepattern/x:1
p1_name=input.filename
p1_MODE=IN
p1_TYPE=FILE
p1_fileFormat=gct;res
p2_name=level
p2_optional=on
p2_value=1=Low;2=High
p2_default_value=Low
p3_name=old
p3_type=java.io.File
p3_optional=anything
p4_name=pw
p4_TYPE=PASSWORD
p5_name=dir
p5_TYPE=DIRECTORY
p5_MODE=IN
p7_name=never.reached
`))
	if err != nil {
		t.Fatal(err)
	}
	kinds := []Kind{}
	for _, p := range m.Params {
		kinds = append(kinds, p.Kind)
	}
	if m.Version() != "1.2" || m.CommandLine != `<perl> <libdir>x.pl <input.filename> \> out` || len(m.Job) != 2 || !slices.Equal(kinds, []Kind{File, Text, File, Password, Directory}) {
		t.Errorf("%+v, kinds %v", m, kinds)
	}
	if p := m.Param("level"); !p.Optional || len(p.Choices) != 2 || p.Choices[1] != (Choice{"2", "High"}) || p.Required() || !m.Param("input.filename").Required() {
		t.Errorf("%+v", p)
	}
	if m, err := Parse([]byte("name=x\nLSID=urn:lsid:broken\n")); err != nil || m.LSID != "" || !strings.Contains(m.Notes[0], `LSID "urn:lsid:broken" is none`) {
		t.Errorf("%+v (%v)", m, err)
	}
	for text, want := range map[string]string{
		"":                                        "it has no name",
		"name=x\na=\\u1":                          "line 2",
		"name=x\np1_name=a\np1_range=x":           `parameter a: range: "x" is none of`,
		"name=x\np1_name=a\np1_numValues=many":    `parameter a: numValues: "many"`,
		"name=x\np1_name=a\np1_listMode=odd":      `parameter a: listMode: "odd" is none of`,
		"name=x\np1_name=a\np2_name=a":            "two parameters are called a",
		"name=x\np1_name=a\np1_numGroups=0..many": "numGroups",
	} {
		if _, err := Parse([]byte(text)); cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLSID(t *testing.T) {
	for text, version := range map[LSID]string{"urn:lsid:a:b:c": "", "urn:lsid:a:b:c:1.2": "1.2", "URN:LSID:a:b:c:3": "3"} {
		if !text.IsValid() || text.Version() != version {
			t.Errorf("%s: %v, %q", text, text.IsValid(), text.Version())
		}
	}
	for _, text := range []LSID{"", "x", "urn:lsid:a:b", "urn:lsid:a:b:c:1:2", "urn:lsid::b:c", "urn:isbn:a:b:c", "urn:lsid:a:b:c d"} {
		if text.IsValid() {
			t.Errorf("%s is taken for one", text)
		}
	}
	if !LSID("urn:lsid:a:b:c:1").SameModule("urn:lsid:A:b:c") || LSID("urn:lsid:a:b:c").SameModule("urn:lsid:a:b:d") {
		t.Error("SameModule")
	}
}

func TestChoices(t *testing.T) {
	for text, want := range map[string][]Choice{
		"":               nil,
		"a;b":            {{"a", "a"}, {"b", "b"}},
		"a=A;b=B;":       {{"a", "A"}, {"b", "B"}},
		"=None;a=A":      {{"", "None"}, {"a", "A"}},
		";a":             {{"", ""}, {"a", "a"}},
		"-x=1=2; -y = z": {{"-x", "1=2"}, {"-y", "z"}},
	} {
		if got := parseChoices(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("name=x\ncommandLine=run <a>\np1_name=a\np1_value=b=c;d\n"))
	f.Add([]byte("name=\\u00e9\nLSID=urn:lsid:a:b:c:1\np1_name=a\np1_numValues=0+\np1_listMode=cmd\np1_range=1..2"))
	f.Add([]byte("a\\\n  b\\=c : \\uD83E\\uDDEC\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			if cause.Of(err) != cause.Usage {
				t.Errorf("cause %q", cause.Of(err))
			}
			return
		}
		plan, err := Compile(m, nil, testLayout, Options{})
		if err == nil && len(plan.Command) == 0 {
			t.Error("a plan without a command")
		}
	})
}

// A value without a "<" arrives as it is, whatever the template around it.
func FuzzCommand(f *testing.F) {
	f.Add("run <a>", "x y", "-p ")
	f.Add(`"<a>" x<a>y <b>`, "$(id)\n'", "")
	f.Add(`\> <a> <libdir><a>`, `"`, "--")
	f.Add("<run-with-env> -e A=<a> <java> <a_file>", "a/b.c", "")
	f.Fuzz(func(t *testing.T, template, value, prefix string) {
		m := Manifest{Name: "x", CommandLine: template, Params: []Param{{Name: "a", Kind: Text, Count: Count{Bounds: Bounds{Max: 1, HasMax: true}}, Prefix: prefix}, {Name: "b", Kind: Text, Optional: true, Default: "<a>"}}}
		_, _ = Compile(m, Given{"a": {{Text: value}}}, testLayout, Options{})
		if strings.Contains(value, "<") || value == "" {
			return
		}
		m.CommandLine = "run <a> end"
		plan, err := Compile(m, Given{"a": {{Text: value}}}, testLayout, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := append(append([]string{"run"}, withPrefix(prefix, []string{value})...), "end")
		if !slices.Equal(plan.Command, want) {
			t.Errorf("%q, want %q", plan.Command, want)
		}
	})
}
