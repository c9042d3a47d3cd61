package submit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit/handle"
)

// Cancel asks for a job's end, in whatever state it is, and tells its status after that. It does not wait for the end: ferry on the
// node still stages out what there is. A job that has ended is no error. The error has a cause.
func (c *Client) Cancel(ctx context.Context, ref string) (Status, error) {
	s, err := c.find(ctx, ref)
	if err != nil {
		return Status{}, err
	}
	st, err := s.status(ctx)
	if err != nil || st.State.Ended() {
		return st, err
	}
	sched, err := s.scheduler()
	if err != nil {
		return st, cause.Name(ctx, cause.Engine, "", err)
	}
	id, err := s.toCancel(ctx, sched)
	if err != nil {
		return st, cause.Name(ctx, cause.Engine, "", fmt.Errorf("cancelling %s: %w", st.ID, err))
	}
	// The file comes first: who asks between the two sees a job that is being cancelled, and never one that failed.
	now := time.Now().UTC().Truncate(time.Second)
	s.file.Cancelled, s.file.Task = &now, id
	if err := s.place.write(ctx, handle.FileName, s.file.JSON()); err != nil {
		c.Warn("that it was cancelled could not be written to %s: %v", s.place.url, err) // it is to end all the same
	}
	if err := sched.Cancel(ctx, id); err != nil && !errors.Is(err, scheduler.ErrUnknown) {
		return st, cause.Name(ctx, cause.Engine, "", fmt.Errorf("cancelling %s: %w", st.ID, err))
	}
	return s.status(ctx)
}

// toCancel is the scheduler's id. A handle that came from somebody else must not name a job of this user's: such an id is the scheduler's
// own answer, and the name is none that this machine has submitted.
func (s *submission) toCancel(ctx context.Context, sched scheduler.Scheduler) (string, error) {
	if s.known {
		return task(ctx, sched, s.file)
	}
	for _, e := range s.c.Book.List() {
		if e.ID == handle.ShortID(s.file.Name) {
			return "", cause.Fail(cause.Refused, "ferry cancel "+e.ID+" ends the job of that name", "%s has the name of the job at %s", s.place.url, e.Handle)
		}
	}
	id, err := sched.Find(ctx, s.file.Name)
	if err == nil && s.file.Task != "" && id != s.file.Task {
		err = cause.Fail(cause.Refused, "", "%s names a job of the scheduler's that has another name", s.place.url)
	}
	return id, err
}
