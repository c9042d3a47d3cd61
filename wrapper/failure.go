package wrapper

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/genepattern/ferry/engine"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// diskCause gives err a cause: no space where the system said so, else c.
func diskCause(c Cause, hint string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &Error{Cause: CauseDisk, Hint: "give the node more space, or the job another --local-prefix", Err: err}
	}
	return &Error{Cause: c, Hint: hint, Err: err}
}

// transferCause gives the error of a transfer its cause; c is the stage's own.
func transferCause(ctx context.Context, c Cause, err error) error {
	var named *Error
	var bug *store.PanicError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bug):
		return &Error{Cause: CauseInternal, Hint: "please report this", Err: fmt.Errorf("%w\n%s", err, bug.Stack)}
	case ctx.Err() != nil:
		return interrupted(ctx, err)
	case errors.As(err, &named):
		return err
	case errors.Is(err, ferrysync.ErrRefused):
		return &Error{Cause: CauseRefused, Err: err}
	}
	hint := ""
	switch {
	case errors.Is(err, store.ErrCredentials):
		hint = "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the job a role"
	case errors.Is(err, store.ErrDenied):
		hint = "`ferry jobdef --iam` prints the policy that ferry needs"
	case errors.Is(err, store.ErrNoBucket):
		hint = "is the bucket's name right, and AWS_REGION?"
	case errors.Is(err, store.ErrUnreachable):
		hint = "is AWS_ENDPOINT_URL right, and the network there?"
	}
	return diskCause(c, hint, err)
}

// engineCause gives the error of an engine its cause; c is the stage's own.
func engineCause(ctx context.Context, c Cause, err error) error {
	var named *Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return interrupted(ctx, err)
	case errors.As(err, &named):
		return err
	case errors.Is(err, engine.ErrUnavailable):
		return &Error{Cause: CauseEngine, Err: err}
	case errors.Is(err, engine.ErrNoImage):
		return &Error{Cause: CauseImage, Hint: "is the image's name right, and its registry reachable from the engine?", Err: err}
	case errors.Is(err, engine.ErrDenied):
		return &Error{Cause: CauseImage, Hint: "the registry wants a login that has the right to pull", Err: err}
	case errors.Is(err, engine.ErrLaunch):
		return &Error{Cause: CauseLaunch, Err: err}
	}
	return &Error{Cause: c, Err: err}
}
