package cause

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a panic that was caught in a goroutine. Uncaught, it would have ended the process before the results were saved.
type PanicError struct {
	Value any
	Stack []byte
}

// Caught makes a PanicError of the value that recover gave. It takes the stack, so it is called in the function that recovered.
func Caught(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap is the value of the panic, where that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Cause implements Caused.
func (e *PanicError) Cause() Cause { return Internal }

// Hint implements Hinted.
func (e *PanicError) Hint() string { return "please report this" }
