package cause

import (
	"errors"
	"fmt"
)

// An Error is a failure with its cause, and where the reader can act a hint of one line.
type Error struct {
	Cause Cause
	Hint  string
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an Error of the cause.
func Fail(c Cause, hint, format string, args ...any) *Error {
	return &Error{Cause: c, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// Of is the cause of err: its outermost Error's, None for nil, Internal where nobody named one.
func Of(err error) Cause {
	if err == nil {
		return None
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return Internal
}

// HintOf is the hint of err's outermost Error, or "".
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Is says that somebody named a cause for err.
func Is(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// A Sentinel is an error that a package declares once, to be wrapped by whoever meets it and found by errors.Is, and that
// knows what it means for a job.
type Sentinel struct {
	text  string
	cause Cause
	hint  string
}

// New declares a Sentinel. With None as its cause the stage that met it decides; hint may be "".
func New(c Cause, hint, text string) *Sentinel { return &Sentinel{text: text, cause: c, hint: hint} }

func (s *Sentinel) Error() string { return s.text }

// Cause implements Caused.
func (s *Sentinel) Cause() Cause { return s.cause }

// Hint implements Hinted.
func (s *Sentinel) Hint() string { return s.hint }
