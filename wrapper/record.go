package wrapper

import (
	"encoding/json"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	ferrysync "github.com/genepattern/ferry/sync"
)

// A Record is run.json: what became of a job, for people and programs. Fields are only ever added.
type Record struct {
	Version   string                     `json:"ferry_version"`
	Job       string                     `json:"job"`
	Attempt   int                        `json:"attempt"`
	User      string                     `json:"user,omitempty"`
	Module    Module                     `json:"module"`
	Remote    string                     `json:"remote"`
	State     string                     `json:"state"` // StateRunning until the job has ended
	Started   time.Time                  `json:"started"`
	Ended     *time.Time                 `json:"ended,omitempty"`
	ExitCode  int                        `json:"exit_code"` // what ferry exits with
	Cause     cause.Cause                `json:"cause"`     // "" where the module ended by itself
	Error     string                     `json:"error,omitempty"`
	Hint      string                     `json:"hint,omitempty"`
	Image     RecordImage                `json:"image"`
	Frozen    *RecordFrozen              `json:"frozen_image,omitempty"` // where one was to be preferred
	Freeze    *commit.Frozen             `json:"freeze,omitempty"`       // where the job was to be frozen
	Engine    engine.Info                `json:"engine"`
	Command   []string                   `json:"command,omitempty"`
	Container string                     `json:"container,omitempty"`
	Limits    engine.Limits              `json:"limits"`
	Walltime  float64                    `json:"walltime_seconds"`
	Mounts    []RecordMount              `json:"mounts,omitempty"`
	Stages    []*RecordStage             `json:"stages"`
	Transfers map[string]ferrysync.Stats `json:"transfers"` // by stage
	Exit      *RecordExit                `json:"module_exit,omitempty"`
	NotStored []string                   `json:"not_stored,omitempty"` // what the module left that is not in the store, by path
	Warnings  []string                   `json:"warnings,omitempty"`
}

// States of a Record.
const (
	StateRunning = "running"
	StateDone    = "done"
)

// RecordImage says which image ran.
type RecordImage struct {
	Ref    string `json:"reference"`
	ID     string `json:"id,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// RecordMount is a directory the module saw.
type RecordMount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// RecordStage is one stage; the one that runs has no end.
type RecordStage struct {
	Name    string     `json:"name"`
	Start   time.Time  `json:"start"`
	End     *time.Time `json:"end,omitempty"`
	Seconds float64    `json:"seconds"`
	Outcome string     `json:"outcome"` // "running", "ok" or "failed"
	Error   string     `json:"error,omitempty"`
}

// RecordExit is how the module ended.
type RecordExit struct {
	Code       int       `json:"code"`              // the module's own, from its exit code file where exec.sh wrote one
	Container  int       `json:"container_code"`    // what the engine reports
	Signal     string    `json:"signal,omitempty"`  // the signal that ended it, by the container's code
	OOM        bool      `json:"oom_killed"`        //
	PeakMemory int64     `json:"peak_memory_bytes"` // highest seen
	CPUSeconds float64   `json:"cpu_seconds"`       // at the last reading
	Started    time.Time `json:"started"`
	Finished   time.Time `json:"finished"`
}

// record is a Record that several goroutines write.
type record struct {
	mu     sync.Mutex
	r      Record
	warned map[string]bool
}

// maxWarnings bounds the warnings of a record: a module may plant any number of files that are refused.
const maxWarnings = 1000

// newRecord begins with the worst: what is never concluded was a bug.
func newRecord(j Job, version string) *record {
	return &record{r: Record{
		Version: version, Job: j.ID, Attempt: j.Attempt, User: j.UserID, Module: j.Module, Remote: j.Remote,
		State: StateRunning, Started: time.Now().UTC(), Image: RecordImage{Ref: j.Image}, Walltime: j.Walltime.Seconds(),
		ExitCode: cause.Internal.Code(), Cause: cause.Internal, Error: "the job has not ended", Transfers: map[string]ferrysync.Stats{},
	}}
}

func (r *record) edit(f func(*Record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.r)
}

func (r *record) begin(name string) *RecordStage {
	s := &RecordStage{Name: name, Start: time.Now().UTC(), Outcome: "running"}
	r.edit(func(x *Record) { x.Stages = append(x.Stages, s) })
	return s
}

func (r *record) finish(s *RecordStage, err error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := time.Now().UTC()
	s.End, s.Outcome = &end, "ok"
	took := end.Sub(s.Start)
	s.Seconds = took.Round(time.Millisecond).Seconds()
	if err != nil {
		s.Outcome, s.Error = "failed", err.Error()
	}
	return took
}

// warn keeps a warning, and says whether it is one more: the metadata dir goes up again and again, and what is wrong
// with it is to be told once.
func (r *record) warn(text string) (isNew bool) {
	r.edit(func(x *Record) {
		if isNew = !r.warned[text] && len(x.Warnings) <= maxWarnings; !isNew {
			return
		}
		if len(x.Warnings) == maxWarnings {
			text = "and more warnings, which are in transfer.log"
		}
		if r.warned == nil {
			r.warned = map[string]bool{}
		}
		r.warned[text] = true
		x.Warnings = append(x.Warnings, text)
	})
	return isNew
}

// briefNames is how many names of files the record in the log has.
const briefNames = 20

// brief is the record for a line of the log: what was lost, and not what was where.
func (r *record) brief() []byte {
	r.mu.Lock()
	x := r.r
	r.mu.Unlock()
	if n := len(x.NotStored); n > briefNames {
		x.NotStored = append(x.NotStored[:briefNames:briefNames], fmt.Sprintf("and %d more", n-briefNames))
	}
	if n := len(x.Warnings); n > briefNames {
		x.Warnings = append(x.Warnings[:briefNames:briefNames], fmt.Sprintf("and %d more", n-briefNames))
	}
	x.Mounts, x.Command = nil, nil
	return (&record{r: x}).json()
}

func (r *record) conclude(o Outcome) {
	r.edit(func(x *Record) {
		x.ExitCode, x.Cause, x.Error, x.Hint = o.Code, o.Cause, "", cause.HintOf(o.Err)
		if o.Err != nil {
			x.Error = o.Err.Error()
		}
	})
}

func (r *record) end() {
	now := time.Now().UTC()
	r.edit(func(x *Record) { x.Ended, x.State = &now, StateDone })
}

func (r *record) json() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := json.MarshalIndent(&r.r, "", "  ")
	if err != nil {
		// Every field marshals; a NaN in a float would be the only way here.
		panic(err)
	}
	return append(b, '\n')
}

// signalOf names the signal in a shell's exit code, "" where there is none.
func signalOf(code int) string {
	if code <= 128 || code > 128+64 {
		return ""
	}
	return syscall.Signal(code - 128).String()
}
