package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/submit"
)

// shown is what is needed to show a job that was submitted.
type shown struct {
	client   *submit.Client
	tell     *teller
	args     showArgs
	retry    submit.Retry
	describe func(job.Settings) (job.Job, error)
}

// show prints the handle, or follows the job to its end and exits with its code.
func show(ctx context.Context, w world, s shown, st submit.Status) error {
	if !s.args.wait {
		if s.args.json {
			return printJSON(w.stdout, st)
		}
		s.tell.say("job %s: submitted to %s", st.ID, st.Target)
		_, err := fmt.Fprintln(w.stdout, st.Handle)
		return err
	}
	if !s.args.json {
		s.tell.say("job %s: %s", st.ID, st.Handle)
	}
	st, err := s.follow(ctx, w, st)
	if err != nil {
		return err
	}
	endBar := s.tell.transfer()
	got, fetchErr := s.client.Fetch(context.WithoutCancel(ctx), submit.Fetch{Ref: st.Handle, Describe: s.describe})
	endBar()
	if s.args.ended != nil {
		s.args.ended()
	}
	if s.args.json {
		if err := printJSON(w.stdout, st); err != nil {
			return err
		}
	} else {
		s.sayEnd(st, got)
	}
	if fetchErr != nil {
		return fetchErr
	}
	return exitOf(st)
}

// exitOf is the exit code of who waited for a job.
func exitOf(st submit.Status) error {
	switch {
	case st.ExitCode != nil && *st.ExitCode == 0:
		return nil
	case st.ExitCode != nil:
		return exitError(*st.ExitCode)
	case st.State == submit.Cancelled:
		return exitError(cause.Interrupted.Code())
	}
	return exitError(cause.Engine.Code()) // lost: nobody knows the code
}

func (s shown) sayEnd(st submit.Status, got submit.Fetched) {
	line := fmt.Sprintf("job %s: %s", st.ID, st.State)
	if st.ExitCode != nil && *st.ExitCode != 0 {
		line += fmt.Sprintf(", exit code %d", *st.ExitCode)
	}
	if st.Message != "" {
		line += ": " + oneLine(st.Message)
	}
	s.tell.say("%s", line)
	if st.Hint != "" {
		s.tell.say("hint: %s", oneLine(st.Hint))
	}
	if st.Suggestion != "" {
		s.tell.say("memory: %s", st.Suggestion)
	}
	if got.Dir != "" {
		s.tell.say("results: %s", got.Dir)
	}
}

// errLeft says that the user has left a job that goes on.
var errLeft = errors.New("left")

// follow waits for the end, and runs the job again where memory was too little and that was asked for.
func (s shown) follow(ctx context.Context, w world, st submit.Status) (submit.Status, error) {
	for try := 0; ; try++ {
		end, err := s.attend(ctx, w, st)
		if err != nil {
			return end, err
		}
		if try >= s.retry.Times || end.State != submit.Failed {
			return end, nil
		}
		again, ok := s.withMore(ctx, end)
		if !ok {
			return end, nil
		}
		if st, err = s.client.Again(ctx, again); err != nil {
			return end, err
		}
	}
}

// withMore is what is run again with more memory; false for nothing. Of an array it is the children that had too little.
func (s shown) withMore(ctx context.Context, end submit.Status) (submit.Repeat, bool) {
	var children []int
	limit, who := end.MemoryLimit, ""
	if end.Children != nil {
		var err error
		if children, limit, err = s.client.OutOfMemory(ctx, end.Handle); err != nil {
			s.tell.warn("looking for children that had too little memory: %v", err)
		}
		who = fmt.Sprintf(" %d of its children", len(children))
	}
	if limit <= 0 || end.Children == nil && end.Cause != cause.OOM || end.Children != nil && len(children) == 0 {
		return submit.Repeat{}, false
	}
	more := s.retry.More(limit)
	s.tell.say("job %s: out of memory; trying%s again with --memory %s", end.ID, who, submit.FlagSize(more))
	return submit.Repeat{Ref: end.Handle, Memory: more, Children: children, Describe: s.describe}, true
}

// attend follows one submission. Ctrl-C asks once whether the job is to end; it goes on unless the user says so.
func (s shown) attend(ctx context.Context, w world, st submit.Status) (submit.Status, error) {
	work, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	go s.listen(work, signals, st, leave)
	watch := submit.Watch{Ref: st.Handle, State: func(now submit.Status) {
		if !now.State.Ended() && !s.args.json {
			s.tell.say("job %s: %s", now.ID, stateLine(now))
		}
	}}
	if !s.args.json {
		watch.Stdout, watch.Stderr = foreign(w.stdout), foreign(w.stderr)
	}
	end, err := s.client.Follow(work, watch)
	if errors.Is(context.Cause(work), errLeft) {
		s.tell.say("job %s goes on: ferry status %s", st.ID, st.ID)
		return end, exitError(cause.Interrupted.Code())
	}
	return end, err
}

// listen waits for signals.
func (s shown) listen(ctx context.Context, signals chan os.Signal, st submit.Status, leave context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
		return
	case sig := <-signals:
		if sig != syscall.SIGINT || !terminal(os.Stdin) || !terminal(s.tell.w.stderr) {
			leave(errLeft)
			return
		}
	}
	s.tell.say("\ncancel the job %s? c cancels it, Enter leaves it running", st.ID)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(io.LimitReader(os.Stdin, bounded.Small)).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
	case <-signals:
		leave(errLeft)
	case text := <-answer:
		if !slices.Contains([]string{"c", "cancel", "y", "yes"}, text) {
			leave(errLeft)
			return
		}
		if _, err := s.client.Cancel(ctx, st.Handle); err != nil {
			s.tell.warn("%v", err)
		}
	}
}

// stateLine is a state in one line.
func stateLine(st submit.Status) string {
	line := string(st.State)
	if st.Children != nil {
		line += " (" + childCounts(st) + ")"
	}
	if st.Message != "" {
		line += ": " + oneLine(st.Message)
	}
	return line
}

// childCounts are the counts of an array's children, in the order of a job's life.
func childCounts(st submit.Status) string {
	var parts []string
	for _, state := range []submit.State{submit.Queued, submit.StagingIn, submit.Running, submit.StagingOut, submit.Done, submit.Failed, submit.Cancelled, submit.Lost} {
		if n := st.Children[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(parts, ", ")
}
