package scheduler

import (
	"context"
	"errors"
	"time"
)

// ErrUnknown is the error for a task that the scheduler does not know: it never had it, or it has forgotten it.
var ErrUnknown = errors.New("the scheduler does not know this job")

// A Scheduler takes tasks. All methods are safe for concurrent use. An error of any method may bring a cause and a hint.
type Scheduler interface {
	// Submit hands a task over and gives the scheduler's id for it. It is called once for a name. Where its answer is lost, Find
	// tells whether the task arrived, so Submit itself sends nothing twice.
	Submit(ctx context.Context, t Task) (id string, err error)
	// Find gives the id of the task with a name. ErrUnknown where there is none.
	Find(ctx context.Context, name string) (id string, err error)
	// Look tells how far a task is. children are the task's own. ErrUnknown.
	Look(ctx context.Context, id string, children []int) (Report, error)
	// Cancel asks the task to end, in whatever phase it is. Ferry on the node gets SIGTERM and the task's grace time. It does not
	// wait for the end. A task that has ended is no error. ErrUnknown.
	Cancel(ctx context.Context, id string) error
}

// A Waiter is a Scheduler that can tell at once when a task ends.
type Waiter interface {
	// Wait returns when the task has ended, or with the context's error. ErrUnknown.
	Wait(ctx context.Context, id string) error
}

// A Logger is a Scheduler that keeps what ferry itself said, apart from the job's store.
type Logger interface {
	// Log gives the last lines of ferry's own output, oldest first, at most max bytes of them. children are the task's own, and place
	// is that of one among them; -1 for a task that is no array. ErrUnknown.
	Log(ctx context.Context, id string, children []int, place int, max int64) (string, error)
}

// A Task is what a scheduler gets: one run of ferry, or one for each child of an array.
type Task struct {
	// Name is this submission's alone. It has letters, digits and "-", and at most 40 of them.
	Name string
	// Title is what people call the job; it may be empty.
	Title string
	// Handle is the URL of the job's metadata dir, where `ferry run --handle` finds its description.
	Handle string
	// Children are the indices of an array, ascending; nil for a job that is none.
	Children []int
	// Parallel is how many children may run at once; 0 for the scheduler's choice.
	Parallel int
	Needs    Needs
	// Env is NAME=VALUE for ferry's own process there.
	Env []string
	// Dir is a directory that this machine and the nodes share, for files of the scheduler; "" where the job is not in place.
	Dir string
}

// Needs are what one run takes. Zero values mean the scheduler's defaults.
type Needs struct {
	Memory   int64   // bytes
	CPUs     float64 // cores
	GPUs     int
	Walltime time.Duration // of the module
	Grace    time.Duration // between SIGTERM and the end
}

// A Phase is how far the scheduler has taken a run.
type Phase string

// The phases. A run that failed is one whose process had another exit code than 0, or none at all.
const (
	Waiting   Phase = "waiting"
	Running   Phase = "running"
	Succeeded Phase = "succeeded"
	Failed    Phase = "failed"
)

// Ended reports whether nothing more happens in the phase.
func (p Phase) Ended() bool { return p == Succeeded || p == Failed }

// A Report is what a scheduler says of a task. Of an array, Phase is Running until all children have ended, unless all are waiting.
type Report struct {
	Phase Phase
	// Why says in words why a run waits, or why it failed; "" where there is nothing to say.
	Why string
	// Code is the exit code of ferry's process, nil where the scheduler does not know it.
	Code *int
	// Started and Ended are zero where they are not known.
	Started, Ended time.Time
	// Attempts is how often the scheduler has started the task. Reclaims is how many of those ended because the node was taken away.
	Attempts, Reclaims int
	// Children are those of an array: how many are in each phase.
	Children map[Phase]int
	// Failed are the indices of the children that failed, ascending.
	Failed []int
	// Silent are those children of which the scheduler says nothing, or nothing any more, ascending. No phase counts them.
	Silent []int
	// Place says where the task ran, such as the name of a node; "" where it is not known.
	Place string
}
