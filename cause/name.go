package cause

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// A Caused error knows its cause, whichever stage meets it. Where the cause is None, the stage decides.
type Caused interface {
	error
	Cause() Cause
}

// A Hinted error knows what the reader can do. The hint is one line, or "" for none.
type Hinted interface {
	error
	Hint() string
}

// DiskHint is the hint of an error with the cause Disk.
const DiskHint = "give the node more space, or the job another --local-prefix"

// Name gives err its cause, and the hint that goes with it. The first of these that applies decides:
//
//  1. err is nil: the result is nil
//  2. a panic was caught: Internal, with the stack
//  3. ctx was cancelled: the reason for that, see Stopped
//  4. err has a cause already: err as it is
//  5. the system says that the disk is full: Disk
//  6. an error in the chain is Caused: its cause
//  7. otherwise: stage, the cause of the stage that met err
//
// hint is used in cases 6 and 7 where no error in the chain is Hinted. Name is safe for concurrent use.
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

// Stopped is err, unless ctx was cancelled. Then it is the Error that ctx was cancelled with, or else an Error with the cause
// Interrupted. A nil err stays nil.
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

// causeIn is the cause of the first Caused error in the chain whose cause is not None.
func causeIn(err error) (found Cause) {
	walk(err, func(err error) bool {
		if c, ok := err.(Caused); ok {
			found = c.Cause()
		}
		return found != None
	})
	return found
}

// hintIn is the hint of the first Hinted error in the chain whose hint is not "".
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
