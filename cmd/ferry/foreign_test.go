package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"
)

// orders are what a terminal obeys, or what hides what is there.
const orders = "\x1b[2J\x1b]0;title\x07\u009b31m\r\x08\u202e"

// obeyed is what of a text a terminal would obey.
func obeyed(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Bidi_Control) || r == unicode.ReplacementChar {
			return r
		}
		return -1
	}, text)
}

// What other people wrote into a job's files or a module's manifest says nothing to a terminal.
func TestForeignWords(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	meta := filepath.Join(dir, "meta")
	if err := os.Mkdir(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, v any) {
		t.Helper()
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(meta, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	job := map[string]any{"format": 1, "name": "ferry-0badc0de", "target": "local" + orders, "from": map[string]any{"host": orders, "user": orders},
		"options": map[string][]string{"image": {orders}, "workdir": {dir}, "metadata-dir": {meta}, orders: {orders}}}
	write("job.json", job)
	write("run.json", map[string]any{"job": "ferry-0badc0de", "state": "done", "exit_code": 65, "cause": "x" + orders, "error": "two\nlines" + orders, "hint": "do\nthis" + orders,
		"stages": []any{map[string]any{"name": orders, "outcome": orders}}})
	zipped := filepath.Join(dir, "Evil"+orders+".zip")
	f, err := os.Create(zipped)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("manifest")
	if err != nil {
		t.Fatal(err)
	}
	spelt := strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`, "\u009b", `\u009b`, "\r", `\u000d`, "\x08", `\u0008`, "\u202e", `\u202e`).Replace(orders)
	fmt.Fprintf(w, "name=Evil%[1]s\ndescription=%[1]s\nLSID=urn:lsid:%[1]s:1\ntaskType=%[1]s\ncommandLine=echo <a>\np1_name=a%[1]s\np1_description=%[1]s\np1_default_value=%[1]s\np1_value=b\\=%[1]s;c\\=%[1]s\njob.docker.image=%[1]s\n", spelt)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"status":      {"status", meta},
		"cancel":      {"cancel", meta},
		"logs":        {"logs", "--ferry", meta},
		"fetch":       {"fetch", meta},
		"fetch to":    {"fetch", meta, filepath.Join(dir, "to")},
		"again":       {"submit", "--again", meta},
		"jobs":        {"jobs", "--remote", dir},
		"module show": {"module", "show", zipped},
		"module list": {"module", "list", dir},
		"module run":  {"module", "run", zipped, "-p", "b=1", "--dry-run"},
		"commit":      {"commit", orders, "--to", orders},
		"sync":        {"sync", "s3://" + orders, dir},
		"run":         {"run", "--image", orders, "--remote", orders, "--workdir", orders},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"ferry"}, args...), world{stdout: &stdout, stderr: &stderr, lookup: func(n string) (string, bool) {
				return state, n == "XDG_STATE_HOME"
			}})
			said := stdout.String() + stderr.String()
			if bad := obeyed(said); bad != "" {
				t.Errorf("exit code %d; %q of %q", code, bad, said)
			}
			if said == "" {
				t.Error("nothing is said")
			}
		})
	}
}

// The output of a module goes to a terminal with all written out that it would obey, and to a pipe as it is.
func TestLogsOnATerminal(t *testing.T) {
	meta := t.TempDir()
	for name, text := range map[string]string{"job.json": `{"format":1,"name":"ferry-0badc0de","target":"local"}`, "stdout.txt": "out" + orders + "\nnext\n", "stderr.txt": "err" + orders + "\n"} {
		if err := os.WriteFile(filepath.Join(meta, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lookup := func(n string) (string, bool) { return meta, n == "XDG_STATE_HOME" }
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"ferry", "logs", meta}, world{stdout: &stdout, stderr: &stderr, lookup: lookup}); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if stdout.String() != "out"+orders+"\nnext\n" || stderr.String() != "err"+orders+"\n" {
		t.Errorf("a pipe gets %q and %q", stdout.String(), stderr.String())
	}
	screen, tty := terminalPair(t)
	if code := run(t.Context(), []string{"ferry", "logs", meta}, world{stdout: tty, stderr: tty, lookup: lookup}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if _, err := io.WriteString(tty, "the end\n"); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(seen.String(), "the end"); {
		n, err := screen.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(buf[:n])
	}
	text := strings.ReplaceAll(strings.ReplaceAll(seen.String(), "\r\x1b[K", ""), "\r\n", "\n")
	if bad := obeyed(text); bad != "" || !strings.Contains(text, `out\x1b[2J`) || !strings.Contains(text, `err\x1b[2J`) {
		t.Errorf("a terminal gets %q", seen.String())
	}
}

// terminalPair is a terminal, and the program's end of it.
func terminalPair(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}); err != nil { // one without a size shows no bar
		t.Fatal(err)
	}
	return screen, tty
}
