package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
)

// showResults shows the record, what the module said, and its tables.
func (s *show) showResults() error {
	meta := filepath.Join(s.results, ".gp_metadata")
	s.step("run.json")
	record := filepath.Join(meta, "run.json")
	if _, err := os.Stat(record); err != nil {
		return fmt.Errorf("ferry left no record in S3: %w", err)
	}
	summary, err := lab.Tool("runsummary")
	if err != nil {
		return err
	}
	text, err := lab.Output(lab.Command(s.ctx, nil, summary, record))
	if err != nil {
		return err
	}
	s.indent(text)
	code, err := os.ReadFile(filepath.Join(meta, "exit_code.txt"))
	if err != nil {
		return err
	}
	s.print("\n   exit_code.txt: %s\n", code)

	s.step("What the module says (stdout.txt, stderr.txt)")
	for _, name := range []string{"stdout.txt", "stderr.txt"} {
		said, err := os.ReadFile(filepath.Join(s.said, name))
		if err != nil && !os.IsNotExist(err) { // ferry module run leaves no empty ones
			return err
		}
		s.indent(string(said))
	}
	tables, err := filepath.Glob(filepath.Join(s.results, "*.markers.tsv"))
	if err != nil {
		return err
	}
	for _, table := range tables {
		s.step("The best markers for each class (%s)", filepath.Base(table))
		if err := s.table(table); err != nil {
			return err
		}
	}
	return nil
}

// best is how many markers of each class are shown.
const best = 5

// widths are how the columns of the table are shown.
var widths = []string{"%-4s", "  %-18s", "  %-9s", "  %-50.50s", "  %s"}

// table shows the heading, the first rows, and where a second class begins, its first.
func (s *show) table(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	heading := true
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		rank, err := strconv.Atoi(fields[0])
		if !heading && (err != nil || rank > best) {
			continue
		}
		heading = false
		var text strings.Builder
		for i, f := range fields[:min(len(fields), len(widths))] {
			fmt.Fprintf(&text, widths[i], f)
		}
		s.say("%s", text.String())
	}
	return nil
}
