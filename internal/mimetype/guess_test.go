package mimetype

import (
	"maps"
	"os/exec"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// What Python's mimetypes says of the same names, as a program.
const python = `
import mimetypes, sys
for name in sys.stdin.read().split("\n"):
    print(mimetypes.guess_type("/x/" + name)[0] or "")
`

// The same names have the same types in Python, on this machine and with its files.
func TestGuessAsPython(t *testing.T) {
	py, err := exec.LookPath("python3")
	testenv.Require(t, err == nil, "python3")
	version, err := exec.Command(py, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"a.html", "a.HTM", "r.txt.gz", "r.tgz", "r.TGZ", "a.svgz", "a.tar.xz", "a.Z", "a.z", "plain", ".bashrc", "..html", "...", ".x.html",
		"dir.html/plain", "a.gct", "a.csv", "a.json", "a.b.c.js", "a.", "ä.png", "a.html.br", "a.html.bz2.gz", "a b.pdf", "a.wasm", "a.R", "a.py", "a.tz",
	}
	if strings.HasPrefix(string(version), "Python 3.11.") { // whose table it is; others differ in a few lines
		for ext := range table() {
			names = append(names, "n"+ext, "N"+strings.ToUpper(ext))
		}
	}
	cmd := exec.Command(py, "-c", python)
	cmd.Stdin = strings.NewReader(strings.Join(names, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(out), "\n")
	if len(want) <= len(names)-1 {
		t.Fatalf("python says %q", out)
	}
	for i, n := range names {
		if got := Guess(n); got != want[i] {
			t.Errorf("%q is %q, in Python %q", n, got, want[i])
		}
	}
}

// Without any file of the system, as in a scratch image, what matters is known too.
func TestGuessBuiltIn(t *testing.T) {
	for name, want := range map[string]string{"r.html": "text/html", "a.txt": "text/plain", "p.png": "image/png", "x.tar.gz": "application/x-tar", "d.csv": "text/csv", "j.json": "application/json", "no": ""} {
		if got := guess(builtin, name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestReadTypes(t *testing.T) {
	types := maps.Clone(builtin)
	read(types, strings.NewReader("# no type\n\napplication/x-gct gct  res # and so on\ntext/other html\nbare/type\n"))
	for name, want := range map[string]string{"a.gct": "application/x-gct", "a.RES": "application/x-gct", "a.html": "text/other", "a.so": "application/octet-stream"} {
		if got := guess(types, name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
