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
	id, err := task(ctx, sched, s.file)
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
