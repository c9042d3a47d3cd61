package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/genepattern/ferry/internal/testenv"
)

// TestHints: the same trouble gives the same hint, whichever command meets it. $DENYING is an endpoint that denies
// everything, $CLOSED one where nobody listens.
func TestHints(t *testing.T) {
	host, image := testenv.Docker(t), testenv.ModuleImage(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/hints",
		Setup: func(e *testscript.Env) error {
			tb := e.T().(testing.TB)
			s := testenv.S3(tb)
			for _, kv := range append(testenv.Environ(), s.Env()...) {
				if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
					e.Setenv(name, value)
				}
			}
			p := testenv.Proxy(tb, s.Endpoint)
			p.Add(testenv.Rule{Fault: testenv.Fault{Status: http.StatusForbidden}})
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("DOCKER_HOST", host)
			e.Setenv("IMAGE", image)
			e.Setenv("REMOTE", "s3://"+s.Bucket+"/root")
			e.Setenv("LOCAL", filepath.Join(e.WorkDir, "local"))
			e.Setenv("DENYING", p.Via(s).Endpoint)
			e.Setenv("CLOSED", closedPort(tb))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"samehint": sameHint},
	})
}

// sameHint is `samehint REMOTE HINT`: `ferry sync` from there and `ferry run` there fail, and both give the hint.
func sameHint(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: samehint REMOTE HINT")
	}
	run := []string{"run", "--remote", args[0], "--image", ts.Getenv("IMAGE"), "--local-prefix", ts.Getenv("LOCAL"), "--workdir", "/jobs/1"}
	for _, command := range [][]string{{"sync", args[0], "copy"}, {"sync", "tree", args[0]}, run} {
		if ts.Exec("ferry", command...) == nil {
			ts.Fatalf("ferry %s does not fail", command[0])
		}
		var hints []string
		for line := range strings.Lines(ts.ReadFile("stderr")) {
			if h, ok := strings.CutPrefix(line, "hint: "); ok {
				hints = append(hints, strings.TrimSpace(h))
			}
		}
		if len(hints) != 1 || hints[0] != args[1] {
			ts.Fatalf("ferry %s: hints %q, want %q:\n%s", strings.Join(command, " "), hints, args[1], ts.ReadFile("stderr"))
		}
	}
}
