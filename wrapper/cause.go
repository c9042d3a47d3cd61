package wrapper

import (
	"errors"
	"fmt"
)

// A Cause says in one word why a job ended as it did. It stands in run.json beside the exit code, because a module may
// exit with any of ferry's own codes too.
type Cause string

// The causes. CauseNone is a module that ended by itself, whatever its code.
const (
	CauseNone        Cause = ""
	CauseUsage       Cause = "usage"
	CauseStageIn     Cause = "stage-in"
	CauseRefused     Cause = "refused"
	CauseEngine      Cause = "engine"
	CauseInternal    Cause = "internal"
	CauseImage       Cause = "image"
	CauseLaunch      Cause = "launch"
	CauseStageOut    Cause = "stage-out"
	CauseDisk        Cause = "disk"
	CauseInterrupted Cause = "interrupted"
	CauseOOM         Cause = "oom"
	CauseWalltime    Cause = "walltime"
)

// An ExitCode is one row of the table of exit codes.
type ExitCode struct {
	Code    int
	Cause   Cause
	Meaning string
}

// ExitCodes is the table that the code, the help text and the docs are made from. 64 to 75 are those of BSD's
// sysexits.h where one fits; 137 is 128+SIGKILL; 142 is what GenePattern reads as its run limit.
var ExitCodes = []ExitCode{
	{64, CauseUsage, "bad flag, variable or job file"},
	{65, CauseStageIn, "a transfer failed, or a required directory has no objects"},
	{66, CauseRefused, "refused by policy: root image, unsafe key or path"},
	{69, CauseEngine, "no container engine, or it went away"},
	{70, CauseInternal, "a bug in ferry"},
	{71, CauseImage, "image not found, or not allowed to pull"},
	{72, CauseLaunch, "the container could not start, or exec.sh cannot run"},
	{73, CauseStageOut, "the module succeeded but some results are not in the store"},
	{74, CauseDisk, "no space"},
	{75, CauseInterrupted, "told to stop before the module ended; safe to try again"},
	{137, CauseOOM, "the module was killed for memory"},
	{142, CauseWalltime, "the run limit was reached"},
}

// Code is the exit code that belongs to the cause; 0 for CauseNone.
func (c Cause) Code() int {
	if c == CauseNone {
		return 0
	}
	for _, e := range ExitCodes {
		if e.Cause == c {
			return e.Code
		}
	}
	return CauseInternal.Code()
}

// An Error is a failure with its cause, and where the reader can act a hint of one line.
type Error struct {
	Cause Cause
	Hint  string
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an Error of the cause.
func Fail(c Cause, hint, format string, args ...any) *Error {
	return &Error{Cause: c, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// CauseOf is the cause of err: its outermost Error's, CauseNone for nil, CauseInternal where nobody named one.
func CauseOf(err error) Cause {
	if err == nil {
		return CauseNone
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return CauseInternal
}

// HintOf is the hint of err's outermost Error, or "".
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
