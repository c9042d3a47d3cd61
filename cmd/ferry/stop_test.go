package main

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
)

// A TERM is an interruption, but at the end of the walltime it is the batch system's own limit.
func TestTerm(t *testing.T) {
	for walltime, want := range map[time.Duration]cause.Cause{time.Hour: cause.Interrupted, time.Second: cause.Walltime} {
		s := newStopper(t.Context(), time.Minute, walltime, zerolog.Nop())
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.work.Done():
		case <-time.After(time.Minute):
			t.Fatal("the signal was not heeded")
		}
		if got := cause.Of(context.Cause(s.work)); got != want {
			t.Errorf("walltime %v: cause %q, want %q", walltime, got, want)
		}
		if s.save.Err() != nil {
			t.Error("there is no time to save anything")
		}
		s.close()
	}
}

// A signal after the job's end changes nothing: the process ends with the code that the store was told.
func TestTermAfterTheEnd(t *testing.T) {
	s := newStopper(t.Context(), time.Minute, time.Hour, zerolog.Nop())
	s.close()
	for range 4 { // more than the channel holds
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err) // which this process would not live to do
		}
	}
	time.Sleep(10 * time.Millisecond) // until they have been delivered
}
