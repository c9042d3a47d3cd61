// Package scripts has only tests: of the demo's module, of the scripts here, and of what the README promises.
package scripts

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

var demo = filepath.Join(testenv.Root(), "testdata", "demo")

// markers runs the demo's module as it runs in its container, with nothing but busybox, and returns the directory with
// its results.
func markers(t *testing.T, gct string, args ...string) (dir, output string, err error) {
	t.Helper()
	busybox, lookErr := exec.LookPath("busybox")
	testenv.Require(t, lookErr == nil, "busybox (Debian's busybox-static)")
	dir, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"sh", "awk", "sort", "cut", "head", "cat", "mv", "rm", "mktemp", "basename", "dirname"} {
		if err := os.Symlink(busybox, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(bin, "sh"), append([]string{filepath.Join(demo, "tasklib", "select_markers.sh"), "-i", gct}, args...)...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin}
	out, err := cmd.CombinedOutput()
	return dir, string(out), err
}

// matrix writes a GCT file of the lines.
func matrix(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gct")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMarkersGolden(t *testing.T) {
	dir, out, err := markers(t, filepath.Join(demo, "input", "two_classes.gct"), "-n", "20")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	golden, err := os.ReadDir(filepath.Join(demo, "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range golden {
		want, err := os.ReadFile(filepath.Join(demo, "golden", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, f.Name())); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what it was (%v):\n%s", f.Name(), err, got)
		}
	}
	if have, _ := os.ReadDir(dir); len(have) != len(golden) {
		t.Errorf("it left %v", have)
	}
}

// The quirks of real files make no difference to the result.
func TestMarkersQuirks(t *testing.T) {
	rows := []string{"G1\tfirst\t100\t110\t1000\t1100", "G2\tsecond\t50\t500\t\t90", "G3\tthird\t2000\t2100\t200\t210"}
	head := []string{"#1.2", "3\t4", "Name\tDescription\tA_1\tA_2\tB_1\tB_2"}
	var plain, odd []string
	for i, l := range append(head, rows...) {
		plain = append(plain, l+"\n")
		l = strings.NewReplacer("first", `"first"`, "90", "90 ").Replace(l)
		if i < 2 {
			l += "\t\t\t"
		}
		odd = append(odd, l+"\r\n")
	}
	odd[0], odd = "\ufeff"+odd[0], append(odd, "\r\n")
	want, out, err := markers(t, matrix(t, plain...))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, out, err := markers(t, matrix(t, odd...))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range []string{"m.markers.tsv", "m.filtered.gct", "m.summary.txt"} {
		a, err := os.ReadFile(filepath.Join(want, f))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(got, f)); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%v):\n%s\n%s", f, err, a, b)
		}
	}
}

func TestMarkersWithoutTwoClasses(t *testing.T) {
	dir, out, err := markers(t, matrix(t, "#1.2\n1\t3\nName\tDescription\ta\tb\tc\nG\tgene\t100\t2000\t40\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "m.markers.tsv"))
	if want := "rank\tname\tdescription\tsd\tmean\n1\tG\tgene\t"; err != nil || !strings.HasPrefix(string(got), want) {
		t.Errorf("got %q, %v, want %q…", got, err, want)
	}
}

func TestMarkersRefusals(t *testing.T) {
	const head = "#1.2\n1\t2\nName\tDescription\tA_1\tB_1\n"
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "it ends after line 0"},
		{"no GCT", "hello\n", `line 1 should be "#1.2", not "hello"`},
		{"binary", "\x00\x01\x02\xff\n", "line 1 should be"},
		{"version", "#1.3\n", "line 1 should be"},
		{"counts", "#1.2\nmany\n", "line 2 should be the number of rows and of samples"},
		{"no samples", "#1.2\n1\t0\n", "line 2 should be"},
		{"header", "#1.2\n1\t2\nName\tDescription\tA_1\n", "line 3 names 1 samples, line 2 promises 2"},
		{"twice", "#1.2\n1\t2\nName\tDescription\tA_1\tA_1\n", `the sample "A_1" twice`},
		{"few rows", head, "it has 0 rows, line 2 promises 1"},
		{"many rows", head + "G\td\t1\t2\nH\td\t1\t2\n", "line 5 is row 2, line 2 promises 1"},
		{"short row", head + "G\td\t1\n", "line 4 has 1 values"},
		{"long row", head + "G\td\t1\t2\t3\n", "line 4 has 3 values"},
		{"text", head + "G\td\t1\tx1\n", `line 4, sample "B_1": "x1" is no number`},
		{"code", head + "G\td\t1\t$(reboot)\n", `"$(reboot)" is no number`},
		{"infinite", head + "G\td\t1\tinf\n", `"inf" is no number`},
		{"nameless", head + "\td\t1\t2\n", "line 4 has no row name"},
		{"nothing", head + "G\td\tNA\t\n", "it has no values"},
		{"constant", head + "G\td\t100\t100\n", "no row varies enough"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, out, err := markers(t, matrix(t, tt.in))
			if err == nil || !strings.Contains(out, tt.want) {
				t.Errorf("got %v, %q, want %q", err, out, tt.want)
			}
			if n := strings.Count(out, "\n"); n != 1 {
				t.Errorf("%d lines of message:\n%s", n, out)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
	for _, n := range []string{"", "0", "-1", "1x", "99999999"} {
		t.Run(fmt.Sprintf("count %q", n), func(t *testing.T) {
			if _, out, err := markers(t, matrix(t, head), "-n", n); err == nil || !strings.Contains(out, "-n wants a number") {
				t.Errorf("got %v, %q", err, out)
			}
		})
	}
}
