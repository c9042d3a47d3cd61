package submit

import (
	"fmt"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/wrapper/record"
)

// A word is what the two sides say of one run. Either may be silent.
type word struct {
	report    *scheduler.Report // nil where the scheduler did not answer, or does not know the job
	silence   string            // why report is nil
	record    *record.Record    // nil where there is none of this submission
	cancelled bool              // somebody asked for the job's end
}

// join makes one outcome of two words. The record knows best how the module ended, and whether its results are in the store, since
// ferry writes it last. The scheduler knows whether ferry runs at all. No time of one is compared with a time of the other, because
// their clocks may be apart.
func (w word) join() Outcome {
	r, rec := w.report, w.record
	switch {
	case rec != nil && rec.State == record.StateDone:
		return w.recorded()
	case r == nil && rec == nil:
		return Outcome{State: Queued, Message: w.silence}
	case r == nil: // the record says that it runs, and nobody can say that it does not
		return Outcome{State: stageState(rec), Message: w.silence}
	case r.Phase == scheduler.Waiting:
		return Outcome{State: stateOf(r.Phase, w.cancelled), Message: r.Why}
	case !r.Phase.Ended():
		return Outcome{State: stageState(rec), Message: r.Why}
	}
	return w.unrecorded()
}

// recorded is the outcome where the record is final.
func (w word) recorded() Outcome {
	rec := w.record
	code := rec.ExitCode
	o := Outcome{State: Done, ExitCode: &code, Cause: rec.Cause, Message: rec.Error, Hint: rec.Hint}
	if code != 0 {
		o.State = Failed
		if o.Message == "" {
			o.Message = fmt.Sprintf("the module ended with exit code %d", code)
		}
	}
	if w.cancelled && rec.Cause == cause.Interrupted {
		o.State = Cancelled
	}
	// Where the two disagree, the reader gets both words.
	switch r := w.report; {
	case r == nil || !r.Phase.Ended() || o.State == Cancelled:
	case r.Phase == scheduler.Failed && code == 0:
		o.Message = join("the results are in the store, though the scheduler says that the job failed", r.Why)
	case r.Phase == scheduler.Succeeded && code != 0:
		o.Message = join(o.Message, "the scheduler says that the job succeeded")
	}
	return o
}

// lostHint is what to do about a job that is lost.
const lostHint = "ferry logs --ferry shows what ferry said; ferry submit --again runs it again"

// unrecorded is the outcome where the scheduler says that the job ended, and no record does.
func (w word) unrecorded() Outcome {
	r := w.report
	o := Outcome{State: Lost, ExitCode: r.Code, Message: r.Why}
	switch {
	case w.cancelled:
		o.State, o.Cause = Cancelled, cause.Interrupted
		if w.record == nil {
			o.Message = join("it was cancelled before ferry began", r.Why)
		}
		return o
	case r.Phase == scheduler.Succeeded:
		o.Message = join("the scheduler says that the job succeeded, and there is no record of it", r.Why)
	case r.Code != nil && *r.Code != 0 && w.record == nil:
		o.Message = join(fmt.Sprintf("ferry ended with exit code %d and left no record", *r.Code), r.Why)
	default:
		o.Message = join("the job ended without its record", r.Why)
	}
	if w.record != nil {
		o.Message = join(o.Message, "last known: "+lastStage(w.record))
	}
	o.Hint = lostHint
	return o
}

func join(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, "; ")
}

// stageState is the state of a job that runs, by the last stage of its record.
func stageState(rec *record.Record) State {
	if rec == nil || len(rec.Stages) == 0 {
		return StagingIn
	}
	for _, s := range rec.Stages {
		switch s.Name {
		case "stage-out", "freeze", "clean":
			return StagingOut
		}
	}
	for _, s := range rec.Stages {
		switch s.Name {
		case "launch":
			return Running
		case "module":
			if s.End != nil {
				return StagingOut
			}
			return Running
		}
	}
	return StagingIn
}

func lastStage(rec *record.Record) string {
	if len(rec.Stages) == 0 {
		return "nothing had begun"
	}
	s := rec.Stages[len(rec.Stages)-1]
	return fmt.Sprintf("stage %s, %s, begun %s", s.Name, s.Outcome, s.Start.Format("2006-01-02 15:04:05 MST"))
}
