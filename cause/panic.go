package cause

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a bug: a panic that was caught in a goroutine, where it would have ended the process and with it all
// that is still to be saved.
type PanicError struct {
	Value any
	Stack []byte
}

// Caught makes a PanicError of what recover gave. It is called where that was recovered, for the stack.
func Caught(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap gives what was panicked with, where it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Cause implements Caused.
func (e *PanicError) Cause() Cause { return Internal }

// Hint implements Hinted.
func (e *PanicError) Hint() string { return "please report this" }
