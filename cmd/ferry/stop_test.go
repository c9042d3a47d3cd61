package main

import (
	"bytes"
	"context"
	"errors"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler/batch"
)

// stopperOf is a stopper with rules, which is closed in the end.
func stopperOf(t *testing.T, r stopRules) *stopper {
	t.Helper()
	if r.began.IsZero() {
		r.began = time.Now()
	}
	s := newStopper(t.Context(), listen(), func() {}, zerolog.Nop())
	t.Cleanup(s.close)
	s.rule(r)
	return s
}

// within waits for something that is due, however slow the machine.
func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatal("waited in vain: " + what)
	}
}

// Each signal stops the work, and leaves time to save its results. HUP is as TERM.
func TestTerm(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			continue // the tests run under nohup: see TestNohup in pipes_test.go
		}
		s := stopperOf(t, stopRules{grace: time.Hour, walltime: time.Hour})
		if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		within(t, "the work's end", s.work.Done())
		if got := cause.Of(context.Cause(s.work)); got != cause.Interrupted {
			t.Errorf("%v: cause %q", sig, got)
		}
		if s.save.Err() != nil {
			t.Errorf("%v: there is no time to save anything", sig)
		}
	}
}

// A signal after the job's end changes nothing: the process ends with the code that the store was told.
func TestTermAfterTheEnd(t *testing.T) {
	s := newStopper(t.Context(), listen(), func() {}, zerolog.Nop())
	s.close()
	for range 4 { // more than the channel holds
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err) // which this process would not live to do
		}
	}
	time.Sleep(10 * time.Millisecond) // until they have been delivered
}

// Whoever stops a job gives it a deadline. What comes later can only shorten it.
func TestDeadlines(t *testing.T) {
	soon := func() batch.SpotNotice {
		return batch.SpotNotice{At: time.Now().Add(spotReserve + 50*time.Millisecond)}
	}
	later := func() batch.SpotNotice { return batch.SpotNotice{At: time.Now().Add(time.Hour)} }
	for _, c := range []struct {
		about string
		grace time.Duration
		do    func(*stopper)
		ends  bool // saving ends
	}{
		{"one TERM", time.Hour, func(s *stopper) { s.signals <- syscall.SIGTERM }, false},
		{"its grace is over", 50 * time.Millisecond, func(s *stopper) { s.signals <- syscall.SIGTERM }, true},
		{"three TERMs", time.Hour, func(s *stopper) {
			for range 3 {
				s.signals <- syscall.SIGTERM
			}
		}, false},
		{"a notice, then TERM", time.Hour, func(s *stopper) { s.notices <- later(); within(t, "work", s.work.Done()); s.signals <- syscall.SIGTERM }, false},
		{"TERM shortens a notice", 50 * time.Millisecond, func(s *stopper) {
			s.notices <- later()
			within(t, "work", s.work.Done())
			s.signals <- syscall.SIGTERM
		}, true},
		{"TERM does not lengthen a notice", time.Hour, func(s *stopper) {
			s.notices <- soon()
			within(t, "work", s.work.Done())
			s.signals <- syscall.SIGTERM
		}, true},
		{"a notice shortens TERM", time.Hour, func(s *stopper) { s.signals <- syscall.SIGTERM; within(t, "work", s.work.Done()); s.notices <- soon() }, true},
		{"one Ctrl-C that comes twice", time.Hour, func(s *stopper) { s.signals <- syscall.SIGINT; s.signals <- syscall.SIGINT }, false},
		{"HUP after Ctrl-C", time.Hour, func(s *stopper) { s.signals <- syscall.SIGINT; s.signals <- syscall.SIGHUP }, false},
	} {
		t.Run(c.about, func(t *testing.T) {
			s := stopperOf(t, stopRules{grace: c.grace, walltime: time.Hour})
			c.do(s)
			within(t, "the work's end", s.work.Done())
			if c.ends {
				within(t, "the end of saving", s.save.Done())
				if !errors.Is(context.Cause(s.save), errGraceOver) {
					t.Errorf("saving ended for %v", context.Cause(s.save))
				}
				return
			}
			s.signals <- syscall.SIGTERM // what came before it has been handled once the channel is empty
			for len(s.signals) > 0 {
				time.Sleep(time.Millisecond)
			}
			if s.save.Err() != nil {
				t.Errorf("saving ended: %v", context.Cause(s.save))
			}
		})
	}
}

// A person who presses Ctrl-C again, after a while, wants the results no more.
func TestCtrlCTwice(t *testing.T) {
	s := stopperOf(t, stopRules{grace: time.Hour, walltime: time.Hour})
	s.signals <- syscall.SIGINT
	within(t, "the work's end", s.work.Done())
	time.Sleep(sameKey + 100*time.Millisecond)
	s.signals <- syscall.SIGINT
	within(t, "the end of saving", s.save.Done())
}

// A TERM is the walltime's where the module has run for it, and where AWS Batch's own limit is due. After a slow stage in it is not.
func TestAtWalltime(t *testing.T) {
	began := time.Unix(1e9, 0)
	at := func(d time.Duration) time.Time { return began.Add(d) }
	for _, c := range []struct {
		about    string
		batch    bool
		walltime time.Duration
		launched time.Duration // since ferry began; below 0: not
		term     time.Duration // since ferry began
		want     bool
	}{
		{"soon after the module's start", false, time.Hour, time.Minute, 2 * time.Minute, false},
		{"at the end of the walltime", false, time.Hour, time.Minute, 61*time.Minute - time.Second, true},
		{"after a stage in longer than the walltime", false, time.Hour, 2 * time.Hour, 2*time.Hour + time.Minute, false},
		{"in a stage in longer than the walltime", false, time.Hour, -1, 2 * time.Hour, false},
		{"the same in Batch", true, time.Hour, 2 * time.Hour, 2*time.Hour + time.Minute, false},
		{"Batch's own limit, which counts from ferry's start", true, time.Hour, 10 * time.Minute, time.Hour, true},
		{"Batch's own limit in stage in", true, time.Hour, -1, time.Hour, true},
		{"the same time elsewhere", false, time.Hour, 10 * time.Minute, time.Hour, false},
		{"a walltime that Batch cannot have", true, 2 * time.Second, -1, 2 * time.Second, false},
		{"a short walltime, at once", false, 2 * time.Second, 0, time.Second, false},
		{"a short walltime, at its end", false, 2 * time.Second, 0, 2 * time.Second, true},
	} {
		r := stopRules{walltime: c.walltime, inBatch: c.batch, began: began}
		var launched *time.Time
		if c.launched >= 0 {
			l := at(c.launched)
			launched = &l
		}
		if got := r.atWalltime(launched, at(c.term)); got != c.want {
			t.Errorf("%s: %v, want %v", c.about, got, c.want)
		}
	}
}

// A reader that stands still is waited for, but not for ever; one that is gone is not waited for at all.
func TestOutput(t *testing.T) {
	stands := make(chan struct{})
	var got bytes.Buffer
	o := newOutput(writerFunc(func(p []byte) (int, error) { <-stands; return got.Write(p) }))
	o.limit, o.wait = 100, 10*time.Millisecond
	for range 100 {
		if n, err := o.Write([]byte("0123456789")); n != 10 || err != nil {
			t.Fatal(n, err)
		}
	}
	close(stands)
	o.wait = time.Minute
	o.flush()
	if text := got.String(); !strings.HasPrefix(text, strings.Repeat("0123456789", 10)) || !strings.Contains(text, "bytes are left out here") || len(text) > 300 {
		t.Errorf("the reader got %q", text)
	}
	_, _ = o.Write([]byte("again"))
	o.flush()
	if !strings.HasSuffix(got.String(), "again") {
		t.Errorf("a reader that reads again gets %q", got.String())
	}

	gone := newOutput(writerFunc(func([]byte) (int, error) { return 0, syscall.EPIPE }))
	for range 100 {
		if n, err := gone.Write(make([]byte, outputBuffer)); n != outputBuffer || err != nil {
			t.Fatal(n, err)
		}
	}
	gone.flush()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
