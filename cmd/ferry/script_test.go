package main

import (
	"archive/zip"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/node"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ferry": main, "copyFromS3ThenRun.sh": main, "runS3OnBatch.sh": main})
}

// TestScripts drives the binary from outside. The scripts in testdata/script read as a session of a user: `store FILE KEY`
// puts a file into the store, `stored KEY FILE` compares an object with a file, `nothingleft` says that neither the local
// prefix nor the engine has anything of the job. $REMOTE is a remote root, $LOCAL a local prefix, $IMAGE a module image.
func TestScripts(t *testing.T) {
	host := testenv.Docker(t)
	image := map[string]string{
		"APPTAINER": testenv.Apptainer(t), "ARCHIVE": testenv.ModuleArchive(t, t.TempDir(), testenv.Bash),
		"IMAGE": testenv.ModuleImage(t), "SHIMAGE": testenv.ModuleImage(t, testenv.Sh), "NOSHELL": testenv.ModuleImage(t, testenv.NoShell),
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			s := testenv.S3(e.T().(testing.TB))
			for _, kv := range append(testenv.Environ(), s.Env()...) {
				name, value, _ := strings.Cut(kv, "=")
				if strings.HasPrefix(name, "AWS_") {
					e.Setenv(name, value)
				}
			}
			for k, v := range image {
				e.Setenv(k, v)
			}
			e.Setenv("DOCKER_HOST", host)
			e.Setenv("BUCKET", s.Bucket)
			e.Setenv("REMOTE", "s3://"+s.Bucket+"/root")
			e.Setenv("STORE", filepath.Join(s.Dir, "root"))
			e.Setenv("LOCAL", filepath.Join(e.WorkDir, "local"))
			e.Setenv("CLOSED", closedPort(e.T().(testing.TB)))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"store": put, "stored": stored, "nothingleft": nothingLeft, "exits": exits, "oneline": oneLineOnly, "recordleft": recordLeft, "zip": zipDir,
			"waitfor": waitFor, "waitstate": waitState,
		},
	})
}

// closedPort is the URL of a port that nobody listens on.
func closedPort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// put is `store FILE KEY`.
func put(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: store FILE KEY")
	}
	ts.Check(ts.Exec("ferry", "sync", "--only-show-errors", filepath.Dir(ts.MkAbs(args[0])), ts.Getenv("REMOTE")+"/"+filepath.Dir(args[1]),
		"--exclude", "*", "--include", filepath.Base(args[0])))
}

// stored is `[!] stored KEY [FILE]`.
func stored(ts *testscript.TestScript, neg bool, args []string) {
	got, err := os.ReadFile(filepath.Join(ts.Getenv("STORE"), args[0]))
	switch {
	case neg && err == nil:
		ts.Fatalf("%s is in the store", args[0])
	case neg:
		return
	case err != nil:
		ts.Fatalf("%s is not in the store: %v", args[0], err)
	}
	if len(args) == 2 && string(got) != ts.ReadFile(args[1]) {
		ts.Fatalf("%s in the store is %q", args[0], got)
	}
	ts.Check(os.WriteFile(ts.MkAbs("got"), got, 0o600))
}

// nothingLeft is `nothingleft`.
func nothingLeft(ts *testscript.TestScript, _ bool, _ []string) {
	local := ts.Getenv("LOCAL")
	if left, err := os.ReadDir(local); err == nil {
		ts.Fatalf("left on disk: %v", left)
	}
	eng, err := docker.New(docker.Config{Host: ts.Getenv("DOCKER_HOST")})
	ts.Check(err)
	defer func() { _ = eng.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	found, err := eng.List(ctx, map[string]string{node.LabelOwner: ""})
	ts.Check(err)
	for _, f := range found {
		if strings.HasPrefix(f.Labels[node.LabelOwner], local+"/") {
			ts.Fatalf("left in the engine: %s", f.Name)
		}
	}
}

// recordLeft is `recordleft CODE`: the local prefix has the one record that the store did not get, with the code. It is
// removed.
func recordLeft(ts *testscript.TestScript, _ bool, args []string) {
	names, err := node.Unsent(ts.Getenv("LOCAL"))
	ts.Check(err)
	if len(names) != 1 {
		ts.Fatalf("records left: %v", names)
	}
	if text := ts.ReadFile(names[0]); !strings.Contains(text, `"exit_code": `+args[0]+",") {
		ts.Fatalf("the record says %s", text)
	}
	ts.Check(os.Remove(names[0]))
	ts.Check(os.Remove(filepath.Dir(names[0])))
	ts.Check(os.Remove(ts.Getenv("LOCAL")))
}

// exits is `exits CODE COMMAND [ARG…]`.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		x, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = x.ExitCode()
	}
	if want := args[0]; want != strconv.Itoa(code) {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// oneLineOnly says that the last command's stderr has one line of an error and at most one hint, beside log lines.
func oneLineOnly(ts *testscript.TestScript, _ bool, _ []string) {
	errors, hints := 0, 0
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		switch {
		case strings.HasPrefix(line, "ferry: "):
			errors++
		case strings.HasPrefix(line, "hint: "):
			hints++
		case !strings.HasPrefix(line, "{"):
			ts.Fatalf("neither error, hint nor log: %q", line)
		}
	}
	if errors != 1 || hints > 1 {
		ts.Fatalf("%d lines of error and %d hints:\n%s", errors, hints, ts.ReadFile("stderr"))
	}
}

// waitFor is `waitfor FILE TEXT`: until the file has the text.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	for range 600 {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(data), args[1]) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s never has %q", args[0], args[1])
}

// waitState is `waitstate HANDLE STATE`: until the job is in the state.
func waitState(ts *testscript.TestScript, _ bool, args []string) {
	for range 300 {
		ts.Check(ts.Exec("ferry", "status", "--json", args[0]))
		if strings.Contains(ts.ReadFile("stdout"), `"state":"`+args[1]+`"`) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("it is never %s: %s", args[1], ts.ReadFile("stdout"))
}

// zipDir is `zip FILE DIR`: what is in the directory, with the bits of files that may be run.
func zipDir(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	w := zip.NewWriter(f)
	ts.Check(w.AddFS(os.DirFS(ts.MkAbs(args[1]))))
	ts.Check(w.Close())
	ts.Check(f.Close())
}
