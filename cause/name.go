package cause

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// A Caused error knows what it means for a job, whichever stage met it. None leaves that to the stage.
type Caused interface {
	error
	Cause() Cause
}

// A Hinted error knows what the reader can do. "" is nothing.
type Hinted interface {
	error
	Hint() string
}

// DiskHint is what to do where there is no space.
const DiskHint = "give the node more space, or the job another --local-prefix"

// Name gives err its cause, and the hint that goes with it. In this order it is:
//
//  1. nothing, where err is nil
//  2. a bug, where a panic was caught
//  3. the reason that ctx was cancelled, where it was
//  4. what somebody named already
//  5. a full disk, where the system says so
//  6. what an error in the chain knows of itself
//  7. stage, the cause of the stage that met it
//
// hint is what to say where nothing in the chain knows better.
func Name(ctx context.Context, stage Cause, hint string, err error) error {
	var bug *PanicError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bug):
		return &Error{Cause: Internal, Hint: bug.Hint(), Err: fmt.Errorf("%w\n%s", err, bug.Stack)}
	case ctx.Err() != nil:
		return Stopped(ctx, err)
	case Is(err):
		return err
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return &Error{Cause: Disk, Hint: DiskHint, Err: err}
	}
	if h := hintIn(err); h != "" {
		hint = h
	}
	if c := causeIn(err); c != None {
		stage = c
	}
	return &Error{Cause: stage, Hint: hint, Err: err}
}

// Stopped is err, or where ctx was cancelled why it was: the Error it was cancelled with, else an interruption.
func Stopped(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	why := context.Cause(ctx)
	var own *Error
	if errors.As(why, &own) {
		return own
	}
	return Fail(Interrupted, "", "interrupted: %w", why)
}

// causeIn is the first cause that an error of the chain knows of itself.
func causeIn(err error) (found Cause) {
	walk(err, func(err error) bool {
		if c, ok := err.(Caused); ok {
			found = c.Cause()
		}
		return found != None
	})
	return found
}

// hintIn is the first hint that an error of the chain has.
func hintIn(err error) (found string) {
	walk(err, func(err error) bool {
		if h, ok := err.(Hinted); ok {
			found = h.Hint()
		}
		return found != ""
	})
	return found
}

// walk visits err and what it wraps, outermost first, until f returns true.
func walk(err error, f func(error) bool) bool {
	if err == nil {
		return false
	}
	if f(err) {
		return true
	}
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		return walk(w.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, e := range w.Unwrap() {
			if walk(e, f) {
				return true
			}
		}
	}
	return false
}
