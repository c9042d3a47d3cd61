// Command testreport reads the events of `go test -json` on standard input and prints what `go test` would: a line per
// package, and the output of what failed. Besides, it fails where a test was skipped, because the test command has set
// up everything that any test needs: a skipped test is one that proves nothing without anybody noticing.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// An event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

func main() {
	os.Exit(report(os.Stdin, os.Stdout))
}

// report returns 1 where anything failed or was skipped.
func report(in io.Reader, out io.Writer) int {
	held := map[[2]string][]string{} // output of tests that run, by package and test
	var skipped []string
	passed, failed := 0, 0
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line == "" && err != nil {
			break
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			fmt.Fprint(out, line) // not an event: the Go tool itself has something to say
			continue
		}
		id := [2]string{e.Package, e.Test}
		switch {
		case e.Action == "build-output":
			fmt.Fprint(out, e.Output)
		case e.Action == "build-fail":
			failed++
		case e.Action == "output" && e.Test == "":
			if show(e.Output) {
				fmt.Fprint(out, e.Output)
			}
		case e.Action == "output":
			held[id] = append(held[id], e.Output)
		case e.Action == "fail":
			failed++
			fmt.Fprint(out, strings.Join(held[id], ""))
			delete(held, id)
		case e.Action == "skip" && e.Test != "":
			skipped = append(skipped, fmt.Sprintf("SKIP %s %s\n%s", e.Package, e.Test, strings.Join(held[id], "")))
			delete(held, id)
		case e.Action == "pass":
			if e.Test != "" {
				passed++
			}
			delete(held, id)
		}
	}
	for _, s := range skipped {
		fmt.Fprint(out, s)
	}
	fmt.Fprintf(out, "%d tests passed, %d failures, %d skipped\n", passed, failed, len(skipped))
	if failed > 0 || len(skipped) > 0 || passed == 0 {
		return 1
	}
	return 0
}

// show leaves out what says nothing: a bare PASS, and packages that have no tests.
func show(line string) bool {
	return line != "PASS\n" && !strings.HasSuffix(line, "[no test files]\n")
}
