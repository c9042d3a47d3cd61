package cause

import (
	"errors"
	"fmt"
)

// An Error is a failure with its cause. Hint is one line that says what the reader can do, or "". It is a value that nobody changes
// once made.
type Error struct {
	Cause Cause
	Hint  string
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an Error with the cause and the hint. format and args are those of fmt.Errorf.
func Fail(c Cause, hint, format string, args ...any) *Error {
	return &Error{Cause: c, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// Of is the cause of err: that of the outermost Error in its chain. It is None for nil, and Internal where the chain has no Error.
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

// HintOf is the hint of the outermost Error in err's chain, or "".
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Is reports whether err's chain has an Error, and so a cause.
func Is(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// A Sentinel is an error that a package declares once. Others wrap it, and find it by errors.Is. It knows its cause and its hint.
// It is safe for concurrent use.
type Sentinel struct {
	text  string
	cause Cause
	hint  string
}

// New declares a Sentinel. Where c is None, the stage that meets the error decides its cause. hint may be "".
func New(c Cause, hint, text string) *Sentinel { return &Sentinel{text: text, cause: c, hint: hint} }

func (s *Sentinel) Error() string { return s.text }

// Cause implements Caused.
func (s *Sentinel) Cause() Cause { return s.cause }

// Hint implements Hinted.
func (s *Sentinel) Hint() string { return s.hint }
