package record

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
)

// A Keeper is a Record that several goroutines write. All its methods are safe for concurrent use.
type Keeper struct {
	mu     sync.Mutex
	r      Record
	warned map[string]bool

	saving sync.Mutex // held while the file is replaced: stages run beside each other
	save   func([]byte) error
}

// maxWarnings bounds the warnings of a record: a module may plant any number of files that are refused.
const maxWarnings = 1000

// New begins with the worst: what is never concluded was a bug.
func New(j job.Job, version string) *Keeper {
	return &Keeper{r: Record{
		Subject: Subject{Version: version, Job: j.Identity.ID, Attempt: j.Identity.Attempt, User: j.Identity.User, Module: j.Module, Remote: j.Remote},
		Verdict: Verdict{State: StateRunning, Started: time.Now().UTC(), ExitCode: cause.Internal.Code(), Cause: cause.Internal, Error: "the job has not ended"},
		Setup:   Setup{Image: Image{Ref: j.Container.Image}, Walltime: j.Walltime.Seconds()}, Transfers: map[string]ferrysync.Stats{},
	}}
}

// SaveWith makes Save write the file by f, from now on. Until then the record is in memory alone.
func (k *Keeper) SaveWith(f func([]byte) error) {
	k.saving.Lock()
	defer k.saving.Unlock()
	k.save = f
}

// Save replaces the file, where there is a place for it.
func (k *Keeper) Save() error {
	k.saving.Lock()
	defer k.saving.Unlock()
	if k.save == nil {
		return nil
	}
	return k.save(k.JSON())
}

// Edit changes the record.
func (k *Keeper) Edit(f func(*Record)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(&k.r)
}

// Begin begins a stage.
func (k *Keeper) Begin(name string) *Stage {
	s := &Stage{Name: name, Start: time.Now().UTC(), Outcome: "running"}
	k.Edit(func(r *Record) { r.Stages = append(r.Stages, s) })
	return s
}

// Finish ends a stage and says how long it took.
func (k *Keeper) Finish(s *Stage, err error) (took time.Duration) {
	k.Edit(func(*Record) {
		end := time.Now().UTC()
		s.End, s.Outcome = &end, "ok"
		took = end.Sub(s.Start)
		s.Seconds = took.Round(time.Millisecond).Seconds()
		if err != nil {
			s.Outcome, s.Error = "failed", err.Error()
		}
	})
	return took
}

// Warn keeps a warning, and says whether it is one more: the metadata dir goes up again and again, and what is wrong
// with it is to be told once.
func (k *Keeper) Warn(text string) (isNew bool) {
	k.Edit(func(r *Record) {
		if isNew = !k.warned[text] && len(r.Warnings) <= maxWarnings; !isNew {
			return
		}
		if len(r.Warnings) == maxWarnings {
			text = "and more warnings, which are in transfer.log"
		}
		if k.warned == nil {
			k.warned = map[string]bool{}
		}
		k.warned[text] = true
		r.Warnings = append(r.Warnings, text)
	})
	return isNew
}

// Conclude says how the job ended; code is what ferry exits with, and err why, nil where the module ended by itself.
func (k *Keeper) Conclude(code int, c cause.Cause, err error) {
	k.Edit(func(r *Record) {
		r.ExitCode, r.Cause, r.Error, r.Hint = code, c, "", cause.HintOf(err)
		if err != nil {
			r.Error = err.Error()
		}
	})
}

// End says that the job has ended.
func (k *Keeper) End() {
	now := time.Now().UTC()
	k.Edit(func(r *Record) { r.Ended, r.State = &now, StateDone })
}

// ExitCode is the code of the last conclusion.
func (k *Keeper) ExitCode() (code int) {
	k.Edit(func(r *Record) { code = r.ExitCode })
	return code
}

// briefNames is how many names of files the record in the log has.
const briefNames = 20

// Brief is the record for a line of the log: what was lost, and not what was where.
func (k *Keeper) Brief() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.r
	if n := len(r.NotStored); n > briefNames {
		r.NotStored = append(r.NotStored[:briefNames:briefNames], fmt.Sprintf("and %d more", n-briefNames))
	}
	if n := len(r.Warnings); n > briefNames {
		r.Warnings = append(r.Warnings[:briefNames:briefNames], fmt.Sprintf("and %d more", n-briefNames))
	}
	r.Mounts, r.Command = nil, nil
	return marshal(&r)
}

// JSON is the file's content.
func (k *Keeper) JSON() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return marshal(&k.r)
}

func marshal(r *Record) []byte {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // every field marshals; a NaN in a float would be the only way here
	}
	return append(b, '\n')
}
