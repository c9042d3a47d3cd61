package wrapper

import (
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/wrapper/record"
)

// An Outcome is how a job ended. The zero Outcome is a success. Code is what exit_code.txt has; see ProcessCode for
// the process.
type Outcome struct {
	Code  int
	Cause cause.Cause
	Err   error // why, where Cause is not cause.None; "hint" by cause.HintOf
	// Passed says of a stage-in that StageOut will tell this outcome.
	Passed bool
}

// OwnCode is what the process exits with in place of a module's own code that would mean, coming from ferry, that the job is to be
// tried again. exit_code.txt and run.json have the module's code.
const OwnCode = 1

// ProcessCode is what the process exits with. It is Code, unless a scheduler would take a module's code for ferry's word that the
// job is to be tried again: whether it is, is not the module's to say.
func (o Outcome) ProcessCode() int {
	if slices.Contains(cause.AgainCodes(), o.Code) && !o.Cause.Again() {
		return OwnCode
	}
	return o.Code
}

func outcomeOf(err error) Outcome {
	c := cause.Of(err)
	return Outcome{Code: c.Code(), Cause: c, Err: err}
}

// unsaved is the outcome in the store's record while the results of a successful module are being sent.
var unsaved = outcomeOf(cause.Fail(cause.StageOut, "", "staging out has not ended"))

// after is the outcome once something failed after the module's end. A module that failed by itself keeps its outcome, and
// err is a warning.
func (o Outcome) after(tell *teller, doing string, err error) Outcome {
	if o.Code != 0 {
		tell.warn("%s: %s", doing, strings.TrimSpace(err.Error()))
		return o
	}
	return outcomeOf(err)
}

// A verdict has the facts that decide the outcome.
type verdict struct {
	failed   error        // why the stages ended early, nil where they did not
	exit     *engine.Exit // nil where the module's end was never seen
	code     int          // in the exit code file
	own      bool         // that file has a whole code
	begun    bool         // that file exists
	diskFull bool
	memory   int64 // the module's limit, bytes

	prefix, script, file string // for messages: local prefix, exec.sh, exit code file
}

// outcome decides what the job's outcome is.
func (v verdict) outcome(warn func(string, ...any)) Outcome {
	if v.failed != nil {
		return outcomeOf(v.failed)
	}
	if v.exit == nil {
		return outcomeOf(cause.Fail(cause.Internal, "please report this", "the module's end was never seen"))
	}
	code := v.moduleCode()
	switch {
	case v.exit.Lost && !v.own:
		return outcomeOf(cause.Fail(cause.Engine, "try again",
			"the engine went away while the module ran, and says since that it ended with %d", v.exit.Code))
	case !v.exit.OOMKilled && code != 0 && v.diskFull:
		return Outcome{Code: code, Cause: cause.Disk, Err: cause.Fail(cause.Disk, cause.DiskHint,
			"the module ended with %d, and left no space in %s", code, v.prefix)}
	case !v.exit.OOMKilled && code == 0 && !v.own && v.begun:
		// A server's exec.sh always ends with 0. Only its exit code file says what became of the module.
		return outcomeOf(v.noCode())
	case !v.exit.OOMKilled:
		return Outcome{Code: code}
	}
	if code == 0 && v.own {
		warn("a process of the module was killed for memory, but the module reports success")
		return Outcome{}
	}
	if code == 0 {
		code = cause.OOM.Code()
	}
	return Outcome{Code: code, Cause: cause.OOM,
		Err: cause.Fail(cause.OOM, "give it more --memory", "the module was killed for memory, its limit being %d bytes", v.memory)}
}

// moduleCode is the module's exit code: that in its exit code file, or else its container's.
func (v verdict) moduleCode() int {
	if v.own {
		return v.code
	}
	return v.exit.Code
}

// noCode is the failure of a script that began its exit code file and did not finish it.
func (v verdict) noCode() error {
	if v.diskFull {
		return cause.Fail(cause.Disk, cause.DiskHint, "the module left no space in %s, and no whole exit code in %s", v.prefix, v.file)
	}
	return cause.Fail(cause.Launch, "was the disk full for a while?", "%s ended without a whole exit code in %s", v.script, v.file)
}

// recorded is the module's end for the record.
func (v verdict) recorded(use *usage) *record.Exit {
	peak, last := use.get()
	return &record.Exit{Code: v.moduleCode(), Container: v.exit.Code, Signal: record.SignalOf(v.exit.Code), OOM: v.exit.OOMKilled, PeakMemory: peak,
		CPUSeconds: last.CPUSeconds, Started: v.exit.Started, Finished: v.exit.Finished}
}
