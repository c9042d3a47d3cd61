package submit

import (
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/wrapper/record"
)

// A State is how far a job is, in one word.
type State string

// The states.
const (
	Queued     State = "queued"
	StagingIn  State = "staging-in"
	Running    State = "running"
	StagingOut State = "staging-out"
	Done       State = "done"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
	Lost       State = "lost" // the scheduler says that it ended, and no record does
)

// Ended reports whether nothing more happens in the state.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled || s == Lost }

// A Status is what there is to say of a job. As JSON it is one flat object, whose fields are added to and never removed.
type Status struct {
	Subject
	Outcome
	Times
	Usage
}

// A Subject says which job it is.
type Subject struct {
	Handle string `json:"handle"`
	ID     string `json:"id"`
	Target string `json:"target"`
	// Index is a child's; nil for a job, and for an array as a whole.
	Index *int `json:"index,omitempty"`
}

// An Outcome says how far a job is, and why.
type Outcome struct {
	State    State       `json:"state"`
	ExitCode *int        `json:"exit_code"` // nil until the job has ended, and where nobody knows it
	Cause    cause.Cause `json:"cause"`
	Message  string      `json:"message"`
	Hint     string      `json:"hint,omitempty"`
	// Children are those of an array: how many are in each state. Failed are the indices of those that failed.
	Children map[State]int `json:"children,omitempty"`
	Failed   []int         `json:"failed,omitempty"`
}

// Times of a job, by the clocks of those who wrote them down.
type Times struct {
	Submitted time.Time  `json:"submitted"`
	Started   *time.Time `json:"started,omitempty"`
	Ended     *time.Time `json:"ended,omitempty"`
}

// Usage is what the job took.
type Usage struct {
	Place    string       `json:"place,omitempty"` // where it ran, as the scheduler says
	Node     *record.Node `json:"node,omitempty"`  // what that is, as a cloud says
	Attempts int          `json:"attempts,omitempty"`
	Reclaims int          `json:"reclaims,omitempty"` // attempts that ended because the node was taken away
	// MemoryLimit and PeakMemory are in bytes.
	MemoryLimit int64  `json:"memory_limit_bytes,omitempty"`
	PeakMemory  int64  `json:"peak_memory_bytes,omitempty"`
	Suggestion  string `json:"suggestion,omitempty"`
}

// stateOf is the state that a scheduler's word alone means.
func stateOf(p scheduler.Phase, cancelled bool) State {
	switch {
	case p == scheduler.Waiting && cancelled, p == scheduler.Failed && cancelled:
		return Cancelled
	case p == scheduler.Waiting:
		return Queued
	case p == scheduler.Succeeded:
		return Done
	case p == scheduler.Failed:
		return Failed
	}
	return Running
}
