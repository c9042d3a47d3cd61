package execsh_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/job/execsh"
)

// The test binary is the command that scripts run: it prints its arguments, each with a zero byte behind it.
func TestMain(m *testing.M) {
	switch os.Getenv("EXECSH_CHILD") {
	case "args":
		for _, a := range os.Args[1:] {
			fmt.Print(a, "\x00")
		}
		os.Exit(7)
	case "streams":
		in, _ := os.ReadFile("/dev/stdin")
		fmt.Printf("out %s", in)
		fmt.Fprint(os.Stderr, "err")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shells are the three kinds of sh that module images have.
func shells(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{"bash": {"bash"}, "dash": {"dash"}, "busybox": {"busybox", "sh"}}
	for name, argv := range all {
		path, err := exec.LookPath(argv[0])
		testenv.Require(t, err == nil, name+" (Debian's bash, dash and busybox-static)")
		argv[0] = path
	}
	return all
}

// run runs a script with one shell, in an environment that has only what the child needs.
func run(t testing.TB, shell []string, s execsh.Script, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	text, err := s.Text()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "exec.sh")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(shell[0], append(slices.Clone(shell[1:]), file)...)
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8") // where bytes that are no characters matter
	cmd.Stdout, cmd.Stderr = &out, &errs
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func self(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func arrive(t testing.TB, args []string) {
	t.Helper()
	want := strings.Join(args, "\x00") + "\x00"
	if len(args) == 0 {
		want = ""
	}
	for name, shell := range shells(t) {
		dir := t.TempDir()
		got, errs, code := run(t, shell, execsh.Script{Dir: dir, Command: append([]string{self(t)}, args...), ExitCode: "exit_code.txt"}, "EXECSH_CHILD=args")
		if got != want || errs != "" || code != 7 {
			t.Errorf("%s: arguments %q, want %q; code %d, said %q", name, got, want, code, errs)
		}
		if file, err := os.ReadFile(filepath.Join(dir, "exit_code.txt")); err != nil || string(file) != "{ \"exit_code\": 7 }\n" {
			t.Errorf("%s: exit_code.txt is %q (%v)", name, file, err)
		}
	}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{""},
		{"a b", " ", "", "\n", "two\nlines\n", "\ttab", "cr\r\n"},
		{"it's", `"quoted"`, `'`, `''`, `'\''`, `\`, `\\`, `a\`, `\n`, "`id`", "$HOME", "${HOME}", "$(id)", "$'x'"},
		{"*", "?", "[a-z]", "{a,b}", "~", "~root", "#no comment", "!!", "a=b", "-n", "--", "-"},
		{"<in", ">out", "2>&1", "|", "&", "&&", ";", "(", ")"},
		{"é", "日本語", "🧬", "\xff\xfe", "\x01\x7f\x81\x82\x88", "\xe9"},
		{strings.Repeat("long ", 20000)},
	} {
		arrive(t, args)
	}
}

func FuzzArguments(f *testing.F) {
	f.Add("a b", "it's", "$HOME")
	f.Add("", "\n", "\\")
	f.Add("\x81'\xff", "`", "🧬")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		args := []string{a, b, c}
		if _, err := (execsh.Script{Dir: "/", Command: append([]string{"x"}, args...)}).Text(); err != nil {
			t.Skip(err)
		}
		arrive(t, args)
	})
}

func TestStreams(t *testing.T) {
	for name, shell := range shells(t) {
		for _, in := range []string{"in.txt", "-", "it's $in", "&1"} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, in), []byte("data"), 0o644); err != nil {
				t.Fatal(err)
			}
			out, errs := in+".out", in+".err"
			said, told, code := run(t, shell, execsh.Script{Dir: dir, Command: []string{self(t)}, Stdin: in, Stdout: out, Stderr: errs}, "EXECSH_CHILD=streams")
			if code != 0 || said+told != "" || read(t, dir, out) != "out data" || read(t, dir, errs) != "err" {
				t.Errorf("%s, %q: code %d, said %q, %q; files %q, %q", name, in, code, said, told, read(t, dir, out), read(t, dir, errs))
			}
		}
		dir := t.TempDir()
		_, _, code := run(t, shell, execsh.Script{Dir: dir, Command: []string{self(t)}, Stdout: "both", Stderr: "both"}, "EXECSH_CHILD=streams")
		if code != 0 || read(t, dir, "both") != "out err" {
			t.Errorf("%s: code %d, both streams %q", name, code, read(t, dir, "both"))
		}
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

// A command that is the name of a builtin is the program of that name, and one that cannot start leaves an exit code.
func TestCommandsThatAreNone(t *testing.T) {
	for name, shell := range shells(t) {
		for _, command := range []string{"exit", "set", "exec", "A=b", "if", "no-such-program", "/etc/passwd", "."} {
			dir := t.TempDir()
			_, _, code := run(t, shell, execsh.Script{Dir: dir, Command: []string{command, "0"}, Stdout: "o", Stderr: "e", ExitCode: "code"})
			if code != 126 && code != 127 {
				t.Errorf("%s %q: code %d", name, command, code)
			}
			if want := fmt.Sprintf("{ \"exit_code\": %d }\n", code); read(t, dir, "code") != want {
				t.Errorf("%s %q: exit code file %q, code %d", name, command, read(t, dir, "code"), code)
			}
			if read(t, dir, "e") == "" {
				t.Errorf("%s %q: nothing in stderr's file", name, command)
			}
		}
		dir := t.TempDir()
		_, said, code := run(t, shell, execsh.Script{Dir: dir, Command: []string{self(t)}, Stdin: "not there", Stdout: "o", ExitCode: "code"}, "EXECSH_CHILD=streams")
		if code == 0 || !strings.Contains(said, "not there") || read(t, dir, "code") == "" {
			t.Errorf("%s: no stdin: code %d, said %q", name, code, said)
		}
	}
}

func TestNoScriptHolds(t *testing.T) {
	for want, s := range map[string]execsh.Script{
		"there is no command":   {Dir: "/"},
		"begins with a dash":    {Dir: "/", Command: []string{"-x"}},
		"has a zero byte":       {Dir: "/", Command: []string{"x", "a\x00b"}},
		"the path \"a\\x00\"":   {Dir: "/", Command: []string{"x"}, Stdin: "a\x00"},
		"at most 131071":        {Dir: "/", Command: []string{"x", strings.Repeat("a", 131072)}},
		"\"a\" is not absolute": {Dir: "a", Command: []string{"x"}},
	} {
		if _, err := s.Text(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{"": "''", "a-b/c.d": "a-b/c.d", "a b": "'a b'", "it's": `'it'\''s'`, "A=b": "'A=b'", "~": "'~'"} {
		if got := execsh.Quote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
