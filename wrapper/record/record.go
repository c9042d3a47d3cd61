package record

import (
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
)

// A Record is run.json: what became of a job, for people and programs. In the file its parts are one flat object. Fields are
// added, never removed.
type Record struct {
	Subject
	Verdict
	Setup
	Stages    []*Stage                   `json:"stages"`
	Transfers map[string]ferrysync.Stats `json:"transfers"` // by stage
	Exit      *Exit                      `json:"module_exit,omitempty"`
	NotStored []string                   `json:"not_stored,omitempty"` // what the module left that is not in the store, by path
	Warnings  []string                   `json:"warnings,omitempty"`
}

// A Subject says which job the record is of.
type Subject struct {
	Version string     `json:"ferry_version"`
	Job     string     `json:"job"`
	Attempt int        `json:"attempt"`
	Run     string     `json:"run"` // random: another run of the same attempt has another
	User    string     `json:"user,omitempty"`
	Module  job.Module `json:"module"`
	Remote  string     `json:"remote"`
	InPlace bool       `json:"in_place,omitempty"`
	Seal    string     `json:"seal,omitempty"` // digest of what stage-in left for stage-out, while a job in three containers runs
}

// A Verdict says how far the job is and how it ended.
type Verdict struct {
	State    string      `json:"state"` // StateRunning until the job has ended
	Started  time.Time   `json:"started"`
	Ended    *time.Time  `json:"ended,omitempty"`
	ExitCode int         `json:"exit_code"` // what ferry exits with
	Cause    cause.Cause `json:"cause"`     // "" where the module ended by itself
	Error    string      `json:"error,omitempty"`
	Hint     string      `json:"hint,omitempty"`
	Kept     string      `json:"kept,omitempty"`    // where the node has the results that are not in the store
	Resumed  *time.Time  `json:"resumed,omitempty"` // when such results were sent after the job's end
}

// A Setup says what the module ran in.
type Setup struct {
	Image     Image          `json:"image"`
	Frozen    *Frozen        `json:"frozen_image,omitempty"` // where one was to be preferred
	Freeze    *commit.Frozen `json:"freeze,omitempty"`       // where the job was to be frozen
	Engine    engine.Info    `json:"engine"`
	Node      *Node          `json:"node,omitempty"` // where the node's metadata service says what it is
	Command   []string       `json:"command,omitempty"`
	Container string         `json:"container,omitempty"`
	Limits    engine.Limits  `json:"limits"` // that held
	Walltime  float64        `json:"walltime_seconds"`
	Mounts    []Mount        `json:"mounts,omitempty"`
}

// A Node is a cloud's machine. What its metadata service does not say is "".
type Node struct {
	Type     string `json:"instance_type,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Purchase string `json:"purchase,omitempty"` // on-demand, spot, …
}

// States of a Record.
const (
	StateRunning = "running"
	StateDone    = "done"
)

// Image says which image ran.
type Image struct {
	Ref    string `json:"reference"`
	ID     string `json:"id,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// Frozen says whether a frozen image ran.
type Frozen struct {
	Used bool     `json:"used"`
	Ref  string   `json:"reference,omitempty"`
	Dirs []string `json:"directories,omitempty"` // that were not staged in
	Why  string   `json:"why_not,omitempty"`
}

// Mount is a path that the module saw.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Stage is one stage of a job's life. A stage that still runs has no End.
type Stage struct {
	Name    string     `json:"name"`
	Start   time.Time  `json:"start"`
	End     *time.Time `json:"end,omitempty"`
	Seconds float64    `json:"seconds"`
	Outcome string     `json:"outcome"` // "running", "ok" or "failed"
	Error   string     `json:"error,omitempty"`
}

// Exit is how the module ended.
type Exit struct {
	Code       int       `json:"code"`              // the module's own, from its exit code file where exec.sh wrote one
	Container  int       `json:"container_code"`    // what the engine reports
	Signal     string    `json:"signal,omitempty"`  // the signal that ended it, by the container's code
	OOM        bool      `json:"oom_killed"`        // killed for memory
	PeakMemory int64     `json:"peak_memory_bytes"` // the highest reading
	CPUSeconds float64   `json:"cpu_seconds"`       // at the last reading
	Started    time.Time `json:"started"`
	Finished   time.Time `json:"finished"`
}

// JSON is the file's content.
func (r *Record) JSON() []byte { return marshal(r) }
