package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/record"
)

// run runs the job to its end and checks it.
func (s *scene) runJob(flags ...string) record.Record {
	s.t.Helper()
	return s.check(s.start(flags...))
}

// check waits for ferry's end and compares everything with everything: exit code, record, exit code file, results, and
// what is left.
func (s *scene) check(f *ferry) record.Record {
	s.t.Helper()
	code := f.end()
	rec, where := s.record()
	if f.codeUnknown {
		code = rec.ExitCode
	}
	if s.row.exits != 0 && code == s.row.exits {
		code = rec.ExitCode // the process's own is as it must be
	} else if s.row.exits != 0 {
		s.bad("the process ended with %d, want %d", code, s.row.exits)
	}
	s.got.code, s.got.cause = code, string(rec.Cause)
	if code != s.row.code {
		s.bad("exit code %d, want %d (%s)", code, s.row.code, rec.Error)
	}
	switch {
	case where == "":
		s.bad("no final record, neither in the store nor on the node")
	case rec.ExitCode != code || string(rec.Cause) != s.row.cause:
		s.bad("the record %s says %d %q (%s); the exit code is %d, the cause wanted %q", where, rec.ExitCode, rec.Cause, rec.Error, code, s.row.cause)
	}
	s.checkExitFile(code, where)
	s.checkResults(rec, where)
	s.checkLeft()
	if s.got.kept != (rec.Kept != "") {
		s.bad("the node keeps results: %v; the record says %q", s.got.kept, rec.Kept)
	}
	return rec
}

// record finds the final record: in the store, or on the node where ferry could not reach it.
func (s *scene) record() (rec record.Record, where string) {
	s.t.Helper()
	kept := filepath.Join(s.prefix, ".ferry", s.id+".1.json")
	if text, ok := s.readNode(kept); ok {
		if err := json.Unmarshal([]byte(text), &rec); err != nil || rec.State != record.StateDone {
			s.bad("the record on the node: %v, state %q", err, rec.State)
		}
		return rec, "on the node"
	}
	text, ok := s.stored(meta + "/run.json")
	if !ok {
		return rec, ""
	}
	if err := json.Unmarshal([]byte(text), &rec); err != nil {
		s.bad("run.json in the store: %v", err)
	}
	if rec.State != record.StateDone {
		return rec, ""
	}
	return rec, "in the store"
}

// readNode reads a file of the node that may be root's alone.
func (s *scene) readNode(name string) (string, bool) {
	b, err := os.ReadFile(name)
	if err == nil {
		return string(b), true
	}
	if os.Geteuid() == 0 || !os.IsPermission(err) {
		return "", false
	}
	rel, err := filepath.Rel(s.prefix, name)
	if err != nil {
		return "", false
	}
	out, err := s.tryDocker("run", "--rm", "--network", "none", "-v", s.prefix+":/p:ro", testenv.ModuleImage(s.t), "/bin/cat", "/p/"+rel)
	return out, err == nil
}

// checkExitFile compares exit_code.txt with the process. Where the record could not be sent, none must be there, or one
// that says the same.
func (s *scene) checkExitFile(code int, where string) {
	s.t.Helper()
	text, ok := s.stored(meta + "/exit_code.txt")
	if !ok {
		if where == "in the store" {
			s.bad("no exit_code.txt")
		}
		return
	}
	var v struct {
		Code *int `json:"exit_code"`
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil || v.Code == nil || *v.Code != code {
		s.bad("exit_code.txt is %q, the exit code %d", text, code)
	}
}

// checkResults is the promise: each result is in the store, or the record names it.
func (s *scene) checkResults(rec record.Record, where string) {
	s.t.Helper()
	in, named := 0, 0
	var lost []string
	for path, want := range s.results {
		got, ok := s.stored(path)
		switch {
		case ok && got == want:
			in++
		case names(rec, path):
			named++
		case ok:
			s.bad("%q is %d bytes in the store, want %d, and the record does not name it", path, len(got), len(want))
		default:
			lost = append(lost, path)
		}
	}
	if len(lost) > 0 {
		s.bad("%d results are neither in the store nor named by the record, such as %q", len(lost), slices.Min(lost))
	}
	s.got.store = storeText(in, named, len(s.results), where)
}

// names says whether the record tells that the path is not in the store.
func names(rec record.Record, path string) bool {
	return slices.ContainsFunc(rec.NotStored, func(n string) bool {
		return n == path || strings.HasSuffix(n, "/") && strings.HasPrefix(path, n)
	})
}

func storeText(in, named, all int, where string) string {
	text := "nothing to store"
	switch {
	case all > 0 && in == all:
		text = "all results"
	case all > 0 && named == all:
		text = "no results, each named"
	case all > 0:
		text = "some results, the others named"
	}
	switch where {
	case "in the store":
		return text + "; record"
	case "on the node":
		return text + "; record not final"
	}
	return text + "; no final record"
}

// checkLeft looks for what is left in the engine and on disk.
func (s *scene) checkLeft() {
	s.t.Helper()
	containers, files := s.left()
	s.got.engine, s.got.disk = "nothing", "nothing"
	if s.got.kept {
		s.got.disk = "the results"
	}
	if len(containers) > 0 {
		s.got.engine = "the module's container, until the next ferry"
		if !s.row.leaves {
			s.bad("left in the engine: %v", containers)
		}
	}
	if len(containers) > 0 { // by the lock's file the next ferry knows whose it is
		files = slices.DeleteFunc(files, func(n string) bool { return n == filepath.Join(".ferry", s.id+".lock") })
	}
	switch {
	case len(files) == 1 && files[0] == filepath.Join(".ferry", s.id+".1.json"):
		s.got.disk = "the record"
		if s.got.kept {
			s.got.disk = "the results, the record"
		}
	case len(files) > 0:
		s.got.disk = "the attempt's files"
		s.bad("left on disk: %v", files)
	}
}

// left are the containers of ferries with this local prefix, and the files in it but for those of other rows' jobs.
func (s *scene) left() (containers, files []string) {
	s.t.Helper()
	list, err := s.tryDocker("ps", "-a", "--filter", "label=ferry.owner", "--format", `{{.ID}} {{.Label "ferry.owner"}}`)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range strings.Split(list, "\n") {
		if id, owner, _ := strings.Cut(line, " "); strings.HasPrefix(owner, s.prefix+"/") {
			containers = append(containers, id)
		}
	}
	entries, err := os.ReadDir(s.prefix)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".ferry" {
			files = append(files, e.Name())
			continue
		}
		inner, err := os.ReadDir(filepath.Join(s.prefix, ".ferry"))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, i := range inner {
			if i.Name() == "kept" {
				s.got.kept = true
				continue
			}
			files = append(files, filepath.Join(".ferry", i.Name()))
		}
	}
	return containers, files
}

// gotText is what the row showed, for the table.
func (g *seen) outcome() string { return outcome(g.code, g.cause) }

func (g *seen) String() string {
	return fmt.Sprintf("%s | engine: %s | disk: %s | store: %s", g.outcome(), g.engine, g.disk, g.store)
}
