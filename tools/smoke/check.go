package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// check compares everything that came of the jobs with what should have.
func (t *test) check(codes [3]int) error {
	entries, err := os.ReadDir(filepath.Join(t.work, "local"))
	if err != nil {
		return err
	}
	left := ""
	for _, e := range entries {
		if e.Name() != ".ferry" {
			left = e.Name()
		}
	}
	t.expect("exit code of ferry", codes[0], 0)
	t.expect("exit_code.txt", t.content("101.meta/exit_code.txt"), `{ "exit_code": 0 }`)
	t.expect("stdout.txt", t.content("101.meta/stdout.txt"), "GENE EXPRESSION")
	t.expect("s3_downloads.log", linesWith(t.content("101.meta/s3_downloads.log"), filepath.Base(input)), 1)
	t.expect("exit code of ferry, module failing", codes[1], 3)
	t.expect("exit_code.txt, module failing", t.content("102.meta/exit_code.txt"), `{ "exit_code": 3 }`)
	t.expect("stderr.txt, module failing", t.content("102.meta/stderr.txt"), "sorry")
	t.expect("result, module failing", t.content("102/result.txt"), "partial")
	t.expect("exit code of ferry in the module image", codes[2], 4)
	t.expect("exit_code.txt, older form", t.content("103/.gp_metadata/exit_code.txt"), `{ "exit_code": 4 }`)
	t.expect("stdout.txt, older form, without ferry's variables", t.content("103/.gp_metadata/stdout.txt"), "GENE EXPRESSION\n0")
	t.expect("nothing left on the node", left, "")
	return nil
}

func (t *test) expect(what string, got, want any) {
	if got == want {
		say("ok      %s", what)
		return
	}
	t.failures++
	say("FAILED  %s: got \"%v\", want \"%v\"", what, got, want)
}

// content is a result that came back, without its last newline.
func (t *test) content(name string) string {
	b, err := os.ReadFile(filepath.Join(t.work, "back/opt/gp/jobs", name))
	if err != nil {
		return "(not there)"
	}
	return strings.TrimRight(string(b), "\n")
}

func linesWith(text, words string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

// logs shows what ferry said of each job.
func (t *test) logs() {
	for _, id := range []string{"101", "102", "103"} {
		if text, err := os.ReadFile(t.logOf(id)); err == nil {
			fmt.Fprintf(os.Stderr, "%s", text)
		}
	}
}
