package syncscript

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/ftp/ftptest"
	ferrysync "github.com/genepattern/ferry/sync"
)

// A body without end fills no disk, is fetched once, and fails the job whatever the script says then. What it took is free again.
func TestEndlessBody(t *testing.T) {
	var asked, sent atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/announced" {
			w.Header().Set("Content-Length", strconv.Itoa(3<<40))
		}
		for block := make([]byte, 64<<10); sent.Load() < 1<<30; {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	endless := "ftp" + strings.TrimPrefix(ftptest.Start(t, strings.Repeat("x", 64<<20), map[string]string{"SIZE": "502 no"}), "ftp")
	for _, url := range []string{srv.URL + "/", srv.URL + "/announced", endless + "/pub/all%20aml.gct"} {
		b := newBench(t, "wget -q -O /local/jobs/101/f '"+url+"' || echo anyway\necho after > /local/jobs/101/after\n")
		b.work.Space = ferrysync.NewSpace(32 << 20)
		asked.Store(0)
		sent.Store(0)
		err := b.run(t)
		if cause.Of(err) != cause.Disk {
			t.Errorf("%s gives %v", url, err)
		}
		if got := b.files(t); len(got) != 1 {
			t.Errorf("%s leaves %d files", url, len(got))
		}
		if asked.Load() > 1 || sent.Load() > 64<<20 {
			t.Errorf("%s: asked %d times, %d MiB sent", url, asked.Load(), sent.Load()>>20)
		}
		if err := b.work.Space.Take(32 << 20); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A server's line without end is given up, and what it says cannot command a terminal.
func TestEndlessLine(t *testing.T) {
	line := strings.Repeat("x", 8<<20)
	for command, answer := range map[string]string{"USER": "331 " + line, "PASS": "530 " + line, "EPSV": "229-" + line + "\r\n229 ok", "SIZE": "213 " + strings.Repeat("1", 8<<20),
		"RETR": strings.Repeat("150-wait\r\n", 1<<20), "TYPE": "550 \x1b]0;owned\x07\x1b[2J"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "wget -q -O /local/jobs/101/f '"+ftptest.Start(t, "x", map[string]string{command: answer})+"/pub/all%20aml.gct' || true\n")
			if err := b.run(t); err != nil {
				t.Fatal(err)
			}
			if got := b.files(t); len(got) != 0 || len(b.warnings) != 1 || len(b.warnings[0]) > 1000 || strings.ContainsAny(b.warnings[0]+b.log.String(), "\x1b\x07") {
				t.Errorf("%d files, %d warnings, the first of %d bytes", len(got), len(b.warnings), len(b.warnings[0]))
			}
		})
	}
}

// Scripts that are deep in any way are refused before the parser's stack is.
func TestDeepScripts(t *testing.T) {
	deep := strings.Repeat("/a", 16_000)
	for name, c := range map[string]struct{ script, says string }{
		"parentheses": {strings.Repeat("(", 60_000), "parentheses"},
		"closed":      {strings.Repeat("(", 30_000) + "true" + strings.Repeat(")", 30_000), "parentheses"},
		"in quotes":   {strings.Repeat("(')';", 12_000), "parentheses"},
		"braces":      {strings.Repeat("{ ", 30_000), "parentheses"},
		"arithmetic":  {"echo " + strings.Repeat("$((", 20_000), "parentheses"},
		"substituted": {"echo " + strings.Repeat(`"$(`, 20_000), "parentheses"},
		"parts":       {"mkdir -p /local" + deep, "longer than 4096 bytes"},
		"parts out":   {"echo a > /local" + deep, "longer than 4096 bytes"},
		"parts named": {`aws s3 sync s3://gp-example/beta /local/x --exclude "*" --include "x` + deep + `"`, "longer than 4096 bytes"},
	} {
		b := newBench(t, c.script+"\n")
		if err := b.run(t); cause.Of(err) != cause.Refused || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 2*maxMessage {
			t.Errorf("%s gives %.600v", name, err)
		}
	}
	ok := newBench(t, "echo '"+strings.Repeat("a (1) {2}", 100)+"'\n")
	if err := ok.run(t); err != nil {
		t.Errorf("names with parentheses give %v", err)
	}
}

// Steps that wait for many others take no memory for each pair of them, and their order holds.
func TestManyWaits(t *testing.T) {
	o := newOrder()
	waits := 0
	for i := range 20_000 {
		run, _, all := o.add([]string{fmt.Sprint("x/", i)}, []string{""})
		waits += len(run)
		if all {
			t.Fatalf("step %d waits for all", i)
		}
	}
	for range 1000 {
		run, write, _ := o.add(nil, []string{"x"})
		waits += len(run) + len(write)
	}
	if _, _, all := o.add([]string{"x"}, []string{""}); !all {
		t.Error("a step over all others does not wait for them")
	}
	if run, _, all := o.add([]string{"x/1"}, []string{""}); all || !slices.Contains(run, 21_000) {
		t.Errorf("the step after it waits for %v", run)
	}
	if waits > 21_000*maxWaits {
		t.Errorf("%d waits", waits)
	}
}
