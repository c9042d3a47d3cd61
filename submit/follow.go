package submit

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
)

// A Watch says how a job is followed to its end.
type Watch struct {
	Ref            string
	Stdout, Stderr io.Writer // get the module's output; nil for nobody who wants it
	// State is told of each new state, or of a new message.
	State func(Status)
}

// Follow waits for a job's end: it tells of each state and shows the module's output as it comes. A question that fails is asked
// again, because the job goes on whoever asks. The error is that of the context, or of a handle that leads nowhere.
func (c *Client) Follow(ctx context.Context, w Watch) (Status, error) {
	s, err := c.find(ctx, w.Ref)
	if err != nil {
		return Status{}, err
	}
	var tails []*tail
	if w.Stdout != nil && s.file.Array == nil { // the output of a thousand children at once is nothing to read
		if tails, err = s.tails(ctx, Logs{Child: -1, Stdout: w.Stdout, Stderr: w.Stderr}); err != nil {
			return Status{}, err
		}
	}
	ended := s.endOf(ctx)
	told, failing, first := teller{}, "", true
	for pause := time.Duration(0); ; {
		var st Status
		if first && ended != nil {
			first = false // it has only just begun
		} else {
			st, err = s.status(ctx)
			if err == nil && w.State != nil && told.isNew(st) {
				w.State(st)
			}
			if err == nil {
				err = showAll(ctx, tails)
			}
			if err == nil && st.State.Ended() {
				if ended != nil { // the record is final, and ferry still tidies up
					select {
					case <-ended:
					case <-ctx.Done():
					}
				}
				return s.whoEnded(ctx, w.Ref, st)
			}
		}
		if ctx.Err() != nil {
			return st, cause.Stopped(ctx, context.Cause(ctx))
		}
		if text := fmt.Sprint(err); err != nil && text != failing {
			failing = text
			c.Warn("asking about the job: %v; asking again", err)
		}
		pause = nextPause(pause, s.file.Target)
		select {
		case <-ctx.Done():
		case <-ended:
			ended = nil // what it was told by is not a record
		case <-time.After(pause):
		}
	}
}

// whoEnded looks whether somebody cancelled the job while it was followed: job.json says so, and was read before that.
func (s *submission) whoEnded(ctx context.Context, ref string, st Status) (Status, error) {
	if st.State == Done || s.file.Cancelled != nil {
		return st, nil
	}
	if now, err := s.c.find(ctx, ref); err == nil && now.file.Name == s.file.Name && now.file.Cancelled != nil {
		return now.status(ctx)
	}
	return st, nil
}

// A teller knows what was told last.
type teller struct {
	state, rest string
	at          time.Time
}

// countGap is between two counts of an array that is in the same state.
const countGap = 5 * time.Second

// isNew reports whether there is something to tell, and remembers that it was told.
func (t *teller) isNew(st Status) bool {
	rest := st.Message
	if st.Children != nil {
		rest = fmt.Sprint(st.Children)
	}
	if string(st.State) == t.state && (rest == t.rest || st.Children != nil && time.Since(t.at) < countGap) {
		return false
	}
	t.state, t.rest, t.at = string(st.State), rest, time.Now()
	return true
}

// endOf is closed when the scheduler says that the job has ended; nil where it cannot say so by itself.
func (s *submission) endOf(ctx context.Context) chan struct{} {
	sched, err := s.scheduler()
	if err != nil {
		return nil
	}
	waiter, ok := sched.(scheduler.Waiter)
	if !ok {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		if id, err := task(ctx, sched, s.file); err == nil {
			_ = waiter.Wait(ctx, id) // whatever it says, the next look tells
		}
		close(ended)
	}()
	return ended
}
