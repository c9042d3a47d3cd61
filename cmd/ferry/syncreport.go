package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/genepattern/ferry/internal/visible"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// A syncReport tells people what happens: the AWS CLI's line for each file on stdout, failures and warnings on stderr,
// and there too a bar on a terminal, or else a line now and then, and a summary.
type syncReport struct {
	args     syncArgs
	st       store.Store
	ends     func(path string) (from, to string) // of a copy and a stream; else nil
	local    string
	down     bool
	begun    time.Time
	progress ferrysync.Progress

	mu     sync.Mutex
	stdout *bufio.Writer
	stderr io.Writer

	bar  *bar // nil where there is none
	done chan struct{}
	wg   sync.WaitGroup
}

const (
	redraw  = 150 * time.Millisecond
	lineGap = 10 * time.Second // between lines where there is no terminal
)

func newSyncReport(a syncArgs, st store.Store, local string, down bool, stdout, stderr io.Writer) *syncReport {
	r := &syncReport{args: a, st: st, local: relative(local), down: down, begun: time.Now(), stdout: bufio.NewWriter(stdout), stderr: stderr, done: make(chan struct{})}
	if a.options.DryRun || a.onlyErrors || a.quiet {
		return r
	}
	gap := lineGap
	if terminal(stderr) && !a.noProgress {
		gap = redraw
		r.bar = newBar(stderr, since(&r.progress))
		if terminal(stdout) { // lines appear above the bar
			r.stdout = bufio.NewWriter(r.bar.bars)
		}
	}
	r.wg.Go(func() { r.tick(gap) })
	return r
}

// relative is a path as the AWS CLI prints it.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, abs); err == nil {
		return rel
	}
	return path
}

// tick moves the bar, or prints a line.
func (r *syncReport) tick(gap time.Duration) {
	t := time.NewTicker(gap)
	defer t.Stop()
	p := since(&r.progress)
	p.begun = r.begun
	for {
		select {
		case <-r.done:
			return
		case <-t.C:
		}
		if r.bar != nil {
			r.bar.move()
		} else {
			r.say("%d of %d files, %s of %s, %s%s", p.doneFiles(), p.files(), size(p.moved()), size(p.bytes()), p.rate(), p.left())
		}
		r.flush()
	}
}

// event prints a file's line.
func (r *syncReport) event(e ferrysync.Event) {
	if r.args.quiet {
		return
	}
	file := filepath.Join(r.local, e.Path)
	if !strings.Contains(file, "/") {
		file = "./" + file // as the AWS CLI has it
	}
	from, to := file, r.st.URL(e.Key)
	doing := "upload"
	switch {
	case r.ends != nil:
		from, to = r.ends(e.Path)
		doing = "copy"
		if from == "-" {
			doing = "upload"
		} else if to == "-" {
			doing = "download"
		}
	case r.down:
		from, to, doing = to, file, "download"
	}
	switch e.Op {
	case ferrysync.OpFail:
		if errors.Is(e.Err, ferrysync.ErrStopped) {
			return // the summary counts them
		}
		r.say("%s failed: %s to %s %v", doing, printable(from), printable(to), e.Err)
		return
	case ferrysync.OpWarn:
		r.say("warning: %s", warning(e.Err, printable(from), printable(to), doing))
		return
	case ferrysync.OpRefuse:
		r.say("warning: %v", e.Err)
		return
	}
	if r.args.onlyErrors {
		return
	}
	var line string
	switch {
	case e.Op == ferrysync.OpDelete && r.down:
		line = "delete: " + printable(file)
	case e.Op == ferrysync.OpDelete:
		line = "delete: " + printable(to)
	case e.Op == ferrysync.OpSkip && !r.args.debug:
		return
	case e.Op == ferrysync.OpSkip:
		r.say("debug: skip: %s (%s)", printable(file), e.Why)
		return
	default:
		line = doing + ": " + printable(from) + " to " + printable(to)
	}
	if r.args.debug {
		r.say("debug: %s (%s)", line, e.Why)
	}
	if r.args.options.DryRun {
		line = "(dryrun) " + line
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.stdout.WriteString(line + "\n") // a closed output stops no transfer
}

// printable keeps a name on its line, and control sequences off the terminal.
func printable(s string) string { return strings.ReplaceAll(visible.Text(s), "\t", `\x09`) }

// say prints a line on stderr, above the bar where there is one.
func (r *syncReport) say(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.stdout.Flush()
	w := r.stderr
	if r.bar != nil {
		w = r.bar.bars
	}
	fmt.Fprintf(w, format+"\n", a...)
}

func (r *syncReport) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.stdout.Flush()
}

// close ends the report with a summary, unless nothing came of it.
func (r *syncReport) close(s ferrysync.Stats, err error) {
	close(r.done)
	r.wg.Wait()
	r.flush()
	if r.bar != nil {
		r.bar.end()
		r.bar = nil
	}
	if r.args.onlyErrors || r.args.quiet || r.args.options.DryRun || err != nil && s.Files+s.Skipped == 0 {
		return
	}
	took := time.Since(r.begun)
	verb := "uploaded"
	switch {
	case r.ends != nil:
		verb = "copied"
	case r.down:
		verb = "downloaded"
	}
	line := fmt.Sprintf("%s %s, %s, in %s (%s/s)", verb, plural(s.Files, "file", "files"), size(s.Bytes), took.Round(10*time.Millisecond), size(int64(float64(s.Bytes)/max(took.Seconds(), 0.001))))
	for _, extra := range []struct {
		n    int64
		what string
	}{{s.Skipped, "unchanged"}, {s.Deleted, "deleted"}, {s.Refused, "refused"}, {s.Failed, "failed"}, {s.Warned, "left out"}, {s.Dropped, "dropped"}, {s.Requests, "requests"}, {s.Retries, "retries"}} {
		if extra.n > 0 {
			line += fmt.Sprintf(", %d %s", extra.n, extra.what)
		}
	}
	r.say("%s", line)
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
