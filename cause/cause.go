package cause

// A Cause says in one word why a job ended. run.json has it beside the exit code, because a module may exit with any of ferry's own
// codes too.
type Cause string

// The causes. None means that the module ended by itself, with whatever code.
const (
	None        Cause = ""
	Usage       Cause = "usage"
	StageIn     Cause = "stage-in"
	Refused     Cause = "refused"
	Engine      Cause = "engine"
	Internal    Cause = "internal"
	Image       Cause = "image"
	Launch      Cause = "launch"
	StageOut    Cause = "stage-out"
	Disk        Cause = "disk"
	Interrupted Cause = "interrupted"
	OOM         Cause = "oom"
	Walltime    Cause = "walltime"
)

// An ExitCode is one row of the table of exit codes.
type ExitCode struct {
	Code    int
	Cause   Cause
	Meaning string
	Again   bool // the job is safe to try again, and may fare better
}

// ExitCodes is the table of exit codes. The help text and the docs are made from it. Nobody changes it. 64 to 75 are codes of BSD's
// sysexits.h, where one fits. 137 is 128+SIGKILL. 142 is the code by which GenePattern knows its run limit.
var ExitCodes = []ExitCode{
	{64, Usage, "bad flag, variable or job file", false},
	{65, StageIn, "a transfer failed, or a required directory has no objects", false},
	{66, Refused, "refused by policy: root image, unsafe key or path", false},
	{69, Engine, "no container engine, or it went away; safe to try again", true},
	{70, Internal, "a bug in ferry", false},
	{71, Image, "image not found, or not allowed to pull", false},
	{72, Launch, "the container could not start, or exec.sh cannot run", false},
	{73, StageOut, "the module succeeded but some results are not in the store", false},
	{74, Disk, "no space", false},
	{75, Interrupted, "told to stop before the results were stored; safe to try again", true},
	{137, OOM, "the module was killed for memory", false},
	{142, Walltime, "the run limit was reached", false},
}

// Code is the exit code of the cause. It is 0 for None, and that of Internal for a cause that the table lacks.
func (c Cause) Code() int {
	if c == None {
		return 0
	}
	for _, e := range ExitCodes {
		if e.Cause == c {
			return e.Code
		}
	}
	return Internal.Code()
}

// Again reports whether a job that ended for the cause is safe to try again, and may fare better.
func (c Cause) Again() bool {
	for _, e := range ExitCodes {
		if e.Cause == c {
			return e.Again
		}
	}
	return false
}

// AgainCodes are the exit codes by which a scheduler knows that a job is to be tried again.
func AgainCodes() (codes []int) {
	for _, e := range ExitCodes {
		if e.Again {
			codes = append(codes, e.Code)
		}
	}
	return codes
}
