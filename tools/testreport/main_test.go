package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const ok = `{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
	for _, tt := range []struct {
		name, in, want string
		code           int
	}{
		{"pass", ok, "ok  \tp\t0.1s\n1 tests passed, 0 failures, 0 skipped\n", 0},
		{"nothing", "", "0 tests passed, 0 failures, 0 skipped\n", 1},
		{"skip", ok + `{"Action":"output","Package":"p","Test":"TestB","Output":"no engine\n"}` + "\n" +
			`{"Action":"skip","Package":"p","Test":"TestB"}`, "SKIP p TestB\nno engine\n", 1},
		{"fail", ok + `{"Action":"output","Package":"p","Test":"TestB","Output":"wrong\n"}` + "\n" +
			`{"Action":"fail","Package":"p","Test":"TestB"}`, "wrong\n", 1},
		{"build", `{"Action":"build-output","ImportPath":"p","Output":"syntax error\n"}` + "\n" +
			`{"Action":"build-fail","ImportPath":"p"}`, "syntax error\n", 1},
		{"tool", "go: no such module\n", "go: no such module\n", 1},
		{"package without tests", ok + `{"Action":"skip","Package":"q"}`, "1 tests passed", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if code := report(strings.NewReader(tt.in), &out); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), "noise") {
				t.Errorf("printed %q, want %q", out.String(), tt.want)
			}
		})
	}
}
