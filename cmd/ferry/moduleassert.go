package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/frontend/module"
)

// checkFile finds what does not hold of one result.
func checkFile(ctx context.Context, a module.Assertions, f module.FileAssertion, dir string, results []string) (bad []string) {
	at := filepath.Join(dir, f.Name)
	if !slices.Contains(results, f.Name) {
		return []string{fmt.Sprintf("files: %s is not among the results: %s", f.Name, strings.Join(results, ", "))}
	}
	if err := inside(dir, at); err != nil {
		return []string{fmt.Sprintf("files: %s: %v", f.Name, err)}
	}
	if f.Diff != "" {
		if err := compare(ctx, a.DiffOf(f), f.Diff, at); err != nil {
			bad = append(bad, fmt.Sprintf("files: %s: %v", f.Name, err))
		}
	}
	if f.Rows < 0 && f.Cols < 0 {
		return bad
	}
	rows, cols, err := sizeOf(at)
	switch {
	case err != nil:
		bad = append(bad, fmt.Sprintf("files: %s: %v", f.Name, err))
	case f.Rows >= 0 && f.Rows != rows:
		bad = append(bad, fmt.Sprintf("files: %s has %d rows, not %d", f.Name, rows, f.Rows))
	}
	if err == nil && f.Cols >= 0 && f.Cols != cols {
		bad = append(bad, fmt.Sprintf("files: %s has %d columns, not %d", f.Name, cols, f.Cols))
	}
	return bad
}

// inside refuses a result that leads to a file outside the working dir, such as /dev/zero: a module makes links as it likes.
func inside(dir, at string) error {
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	if rel, err := filepath.Rel(dir, real); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("it is a link that leads out of the working dir, to %s", real)
	}
	st, err := os.Stat(real)
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	return err
}

// checkDir compares the results with the files of a directory.
func checkDir(ctx context.Context, a module.Assertions, dir string, results []string) (bad []string) {
	err := filepath.WalkDir(a.OutputDir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		name := strings.TrimPrefix(p, a.OutputDir+"/")
		bad = append(bad, checkFile(ctx, a, module.FileAssertion{Name: name, Diff: p, Rows: -1, Cols: -1}, dir, results)...)
		return nil
	})
	if err != nil {
		bad = append(bad, fmt.Sprintf("outputDir: %v", err))
	}
	return bad
}

// compareTime bounds one comparison.
const compareTime = 10 * time.Minute

// compare runs the command on both files. The standard one is ferry's own, so that no program is needed for it.
func compare(ctx context.Context, command []string, expected, actual string) error {
	if text := strings.Join(command, " "); text == "diff -q" || text == "diff" || text == "cmp" {
		return sameBytes(expected, actual)
	}
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], append(slices.Clone(command[1:]), expected, actual)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		if len(out) > saidMax {
			out = out[:saidMax]
		}
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, oneLine(string(out)))
	}
	return nil
}

func sameBytes(expected, actual string) error {
	a, err := os.Open(expected)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	b, err := os.Open(actual)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	x, y := bufio.NewReaderSize(a, 1<<16), bufio.NewReaderSize(b, 1<<16)
	line := 1
	for {
		p, errX := x.ReadByte()
		q, errY := y.ReadByte()
		switch {
		case errX == io.EOF && errY == io.EOF:
			return nil
		case errX != nil && errX != io.EOF:
			return errX
		case errY != nil && errY != io.EOF:
			return errY
		case errX != nil || errY != nil || p != q:
			return fmt.Errorf("it differs from %s in line %d", expected, line)
		case p == '\n':
			line++
		}
	}
}

// sizeOf counts the lines of a table, and the columns of its widest.
func sizeOf(name string) (rows, cols int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 1<<16)
	width, open := 1, false
	for {
		part, err := r.ReadSlice('\n')
		width += bytes.Count(part, []byte{'\t'})
		open = open || len(part) > 0
		if err == bufio.ErrBufferFull {
			continue
		}
		if open {
			rows, cols = rows+1, max(cols, width)
		}
		width, open = 1, false
		if err == io.EOF {
			return rows, cols, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

// The elements of JUnit's file, as far as its readers agree.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Seconds  string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Seconds string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(name string, all []caseResult) error {
	s := junitSuite{Name: "ferry module test", Tests: len(all)}
	total := 0.0
	for _, r := range all {
		total += r.Seconds
		c := junitCase{Name: r.Case, Class: r.Module, File: r.File, Seconds: fmt.Sprintf("%.3f", r.Seconds)}
		if !r.Passed {
			s.Failures++
			c.Failure = &junitFailure{Message: strings.Join(r.Reasons, "; "), Text: r.Said}
		}
		s.Cases = append(s.Cases, c)
	}
	s.Seconds = fmt.Sprintf("%.3f", total)
	data, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append([]byte(xml.Header), append(data, '\n')...), 0o644)
}

// saidMax bounds what is shown of a case that failed.
const saidMax = 4 << 10

// tailOf is the end of a file.
func tailOf(name string) string {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0) // the module may have made a pipe or a link of it
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return ""
	}
	if st.Size() > saidMax {
		_, _ = f.Seek(-saidMax, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, saidMax))
	return string(data)
}

// A lockedBuffer keeps the end of what several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 4*saidMax {
		l.b.Next(l.b.Len() - saidMax)
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
