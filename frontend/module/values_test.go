package module

import (
	"reflect"
	"strings"
	"testing"
)

func TestParamsFile(t *testing.T) {
	want := Given{"a": {{Text: "1"}}, "b": {{Text: "x y"}, {Text: "2.50"}}, "g": {{Text: "f1", Group: "one"}, {Text: "f2", Group: "two"}, {Text: "f3", Group: "two"}}, "yes": {{Text: "false"}}, "quoted": {{Text: "no"}}}
	for name, text := range map[string]string{
		"yaml": "a: 1\nb:\n  - x y\n  - 2.50\ng:\n  one: f1\n  two: [f2, f3]\n'yes': no\nquoted: \"no\"\nnothing: null\nempty: ''\nlist: []\n",
		"json": `{"a": 1, "b": ["x y", 2.50], "g": {"one": "f1", "two": ["f2", "f3"]}, "yes": false, "quoted": "no", "nothing": null, "empty": ""}`,
		"tags": "a: !!java.io.File 1\nb: [x y, 2.50]\ng: {one: f1, two: [f2, f3]}\n'yes': off\nquoted: 'no'\n",
	} {
		g := Given{}
		if err := g.AddFile(name, []byte(text)); err != nil || !reflect.DeepEqual(g, want) {
			t.Errorf("%s: %v\n%v", name, g, err)
		}
	}
	for text, want := range map[string]string{"": "empty", "- a": "no mapping", "a: [[1]]": "a list may hold", "a: {b: {c: d}}": "groups in groups", "a: 1\na: 2": "a", "a: *x": "", "{": "", "a: b: c": ""} {
		if err := (Given{}).AddFile("f.yml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The default applies where a file says null or "", and not where the command line says nothing after "=".
func TestGivenBeatsFile(t *testing.T) {
	m := manifestOf(t, "run <a> <b> <c>", "a default_value=1 "+opt, "b default_value=2 "+opt, "c default_value=3 "+opt)
	g := Given{}
	if err := g.AddFile("f", []byte("a: ''\nb: file\nc: file\n")); err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	for _, text := range []string{"c=", "b=line"} {
		if err := g.Add(m, own, text); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := Compile(m, g, testLayout, Options{})
	if err != nil || strings.Join(plan.Command, " ") != "run 1 line" {
		t.Errorf("%q (%v)", plan.Command, err)
	}
	for _, bad := range []string{"", "a", "=x"} {
		if err := g.Add(m, own, bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestExecutionLog(t *testing.T) {
	log := "# Created: Mon Jan 01\n# User: ann\n# Module: Demo   urn:lsid:a:b:1:2\n# Parameters:\n#    input.file = https://host/a%20b.gct # file size 123 # x\n#    mode = fast slow\n#    blank = \n#    empty =\n#    in = /d/x.gct   # file size 5\n\nnot = this\n"
	g := Given{}
	if err := g.AddFile("gp_execution_log.txt", []byte(log)); err != nil {
		t.Fatal(err)
	}
	want := Given{"input.file": {{Text: "https://host/a%20b.gct"}}, "mode": {{Text: "fast slow"}}, "blank": {}, "empty": {}, "in": {{Text: "/d/x.gct"}}}
	if !reflect.DeepEqual(g, want) {
		t.Errorf("%+v", g)
	}
}

func TestNearest(t *testing.T) {
	m := Manifest{Params: []Param{{Name: "input.filename"}, {Name: "output.file"}, {Name: "k"}}}
	for name, want := range map[string]string{"input_filename": "input.filename", "inputfilname": "input.filename", "Output.File": "output.file", "zebra": "", "q": "", strings.Repeat("x", 1000): ""} {
		if got := nearest(m, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func FuzzParams(f *testing.F) {
	f.Add([]byte("a: 1\nb: [x, {c: d}]\n"))
	f.Add([]byte("# Parameters:\n#    x = v # file size 1\n"))
	f.Add([]byte(`{"a": !!java.io.File x, "b": null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		_ = Given{}.AddFile("f", data)
	})
}
