package record

import (
	"crypto/rand"
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

	saving sync.Mutex // held while the file is replaced: stages run at the same time
	save   func([]byte) error
}

// maxWarnings bounds the warnings of a record. A module may make any number of files that are refused.
const maxWarnings = 1000

// New makes the Keeper of an attempt. Its record says "internal error" until Conclude says something else: a job that never
// comes so far has met a bug.
func New(j job.Job, version string) *Keeper {
	return &Keeper{r: Record{
		Subject: Subject{Version: version, Job: j.Identity.ID, Attempt: j.Identity.Attempt, Run: rand.Text(), User: j.Identity.User, Module: j.Module, Remote: j.Remote, InPlace: j.Dirs.InPlace},
		Verdict: Verdict{State: StateRunning, Started: time.Now().UTC(), ExitCode: cause.Internal.Code(), Cause: cause.Internal, Error: "the job has not ended"},
		Setup:   Setup{Image: Image{Ref: j.Container.Image}, Walltime: j.Walltime.Seconds()}, Transfers: map[string]ferrysync.Stats{},
	}}
}

// Resume makes the Keeper of an attempt that another process began, of the bytes of its record.
func Resume(data []byte) (*Keeper, error) {
	k := &Keeper{warned: map[string]bool{}}
	if err := json.Unmarshal(data, &k.r); err != nil {
		return nil, err
	}
	if k.r.Transfers == nil {
		k.r.Transfers = map[string]ferrysync.Stats{}
	}
	for _, w := range k.r.Warnings {
		k.warned[w] = true
	}
	return k, nil
}

// SaveWith makes Save write the file by f. Before, the record is only in memory.
func (k *Keeper) SaveWith(f func([]byte) error) {
	k.saving.Lock()
	defer k.saving.Unlock()
	k.save = f
}

// Save replaces the file. It does nothing before SaveWith.
func (k *Keeper) Save() error {
	k.saving.Lock()
	defer k.saving.Unlock()
	if k.save == nil {
		return nil
	}
	return k.save(k.JSON())
}

// Edit calls f to change the record. f must not call methods of k.
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

// Warn keeps a warning, once for each text. isNew is false where the record has that text already, or has too many warnings. The
// metadata dir is sent again and again, and what is wrong with it is to be told once.
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

// Conclude sets how the job ended. code is what ferry exits with. err says why, and is nil where the module ended by itself. A
// later call replaces an earlier one.
func (k *Keeper) Conclude(code int, c cause.Cause, err error) {
	k.Edit(func(r *Record) {
		r.ExitCode, r.Cause, r.Error, r.Hint = code, c, "", cause.HintOf(err)
		if err != nil {
			r.Error = err.Error()
		}
	})
}

// End sets the time at which the job ended. Nobody needs a seal from then on.
func (k *Keeper) End() {
	now := time.Now().UTC()
	k.Edit(func(r *Record) { r.Ended, r.State, r.Seal = &now, StateDone, "" })
}

// ExitCode is the code of the last conclusion.
func (k *Keeper) ExitCode() (code int) {
	k.Edit(func(r *Record) { code = r.ExitCode })
	return code
}

// briefNames is how many files and how many warnings Brief has.
const briefNames = 20

// Brief is the record for a line of the log: with the first files that were lost, and without mounts and command.
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
