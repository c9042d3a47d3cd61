// Package wrapper runs one job: it prepares a place for it, stages its files in, runs its module in a container, records
// what happened and stages the results out. It reads no flags and no environment; cmd does, and hands over a Job and the
// Deps to run it with. How bytes move is package sync's affair, how containers run package engine's.
package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// Deps are what a job is run with.
type Deps struct {
	Engine   engine.Engine
	Self     func(context.Context) (*engine.Self, error) // ferry's own container; nil on a host
	Transfer *ferrysync.Engine
	Open     Opener
	Stager   Stager       // nil for none
	Login    engine.Login // nil for anonymous pulls
	Freezer  Freezer      // nil where the engine makes no images
	Log      zerolog.Logger
	Stdout   io.Writer // gets the module's output, and the plan of a dry run
	Stderr   io.Writer
	Version  string
}

// An Outcome is how a job ended. Code is what the process should exit with.
type Outcome struct {
	Code  int
	Cause cause.Cause
	Err   error // why, where Cause is not cause.None; "hint" by cause.HintOf
}

// attempt is one run of a job, from prepare to record.
type attempt struct {
	Job
	Deps
	rec        *record
	lock       *lock
	root       *os.Root // <local prefix>/<job>.<attempt>
	dir        string   // its path as ferry sees it
	madePrefix bool     // the local prefix was not there before
	host       string   // its path as the engine's host sees it
	self       *engine.Self
	store      store.Store
	prefix     string

	image      engine.Image
	shell      string
	owner      owner
	container  engine.Container
	exit       *engine.Exit // nil while the module has not ended
	beginGrace func()       // to be called where ferry itself ends the job
	usage      usage
	logs       logs
	warned     struct { // of which files
		sync.Mutex
		texts map[string]bool
	}
	space   *ferrysync.Space               // for stage in
	snaps   map[string]*ferrysync.Snapshot // by directory, taken after stage in
	saving  sync.Mutex                     // held while run.json is replaced: stages run beside each other
	upload  sync.Mutex                     // held while the metadata dir goes up
	settled bool                           // the outcome is final, and the exit code may go up
	told    bool                           // the store has the outcome
	missing *missing                       // what stage out could not save

	place     place
	collected map[string]bool // directories of which the root has the module's last word
	choice    *commit.Choice  // the frozen image that runs, nil for none
	unpacked  []string        // directories that came out of it
}

// Run takes the job through its life:
//
//  1. prepare: the engine answers, this attempt's root and directories, run.json
//  2. stage in, and pull the image at the same time
//  3. launch the module container
//  4. wait for its end: walltime, signals, statistics, metadata dir every 30 s
//  5. stage out what is new or changed: logs and exit code first, then results
//  6. freeze, where asked: commit what the module needs and push it
//  7. clean: the container and this attempt's directories
//  8. record: run.json, exit_code.txt, the code to exit with
//
// work is cancelled to stop the job. save lives longer: it is cancelled when there is no time left to stage out either.
// Every path ends in the record, panics included.
func Run(work, save context.Context, job Job, deps Deps) Outcome {
	a := &attempt{Job: job, Deps: deps, rec: newRecord(job, deps.Version), snaps: map[string]*ferrysync.Snapshot{}, collected: map[string]bool{}}
	a.place = a.newPlace()
	save, giveUp := context.WithCancelCause(save)
	defer giveUp(nil)
	a.beginGrace = func() { time.AfterFunc(job.Grace, func() { giveUp(errGrace) }) }
	if err := a.stage("prepare", func() error { return a.prepare(work) }); err != nil {
		return a.refuse(save, err)
	}
	err := a.guard(func() error { return a.life(work, save) })
	return a.finish(work, save, err)
}

var errGrace = errors.New("the grace time is over")

// life is what can be interrupted.
func (a *attempt) life(work, save context.Context) error {
	if err := a.chooseFrozen(work); err != nil {
		return err
	}
	if err := a.fetch(work); err != nil {
		return err
	}
	if err := a.stage("launch", func() error { return a.launch(work) }); err != nil {
		a.halt(save) // the engine may have started it all the same
		return err
	}
	return a.stage("module", func() error { return a.wait(work, save) })
}

// finish is what always happens once a place for the job was made; it runs on save and never gives up half-way. Until the
// results are in the store the record there says the worst, and there is no exit code: whoever waits for one must not
// take a job for a success whose results are not there.
func (a *attempt) finish(work, save context.Context, failed error) Outcome {
	full := a.diskFull()
	a.dropBallast()
	_ = a.guard(func() error { a.collectOutcome(save); return nil })
	a.checkLogs()
	out := a.judge(failed, a.ended(), full)
	if out.Code == 0 {
		a.rec.conclude(unsaved)
	} else {
		a.settle(out)
	}
	removed := a.startRemoval(save)
	if err := a.stage("stage-out", func() error { return a.stageOut(save) }); err != nil {
		succeeded := out.Code == 0
		if out = a.withStageOut(out, err); succeeded {
			a.settle(out)
		}
	} else if out.Code == 0 {
		a.settle(out)
	}
	// From here on the store has all there will be of results, and says so.
	sent := a.guard(func() error { return a.sendRecord(save, recordTime) })
	if sent != nil && out.Code == 0 {
		out = a.withStageOut(out, sent)
		a.settle(out)
	}
	_ = a.guard(func() error { a.freeze(work, out); return nil })
	removed()
	a.rec.end()
	limit := recordTime
	if sent != nil {
		limit = recordAgain
	}
	if err := a.guard(func() error { return a.sendRecord(save, limit) }); err != nil {
		a.keepRecord(err)
	} else {
		a.dropRecords()
	}
	if err := a.guard(a.removeRoot); err != nil {
		a.Log.Warn().Err(err).Msg("local files are left")
	}
	return out
}

// unsaved is what the store is told while the results of a module that succeeded are on their way.
var unsaved = outcomeOf(cause.Fail(cause.StageOut, "", "staging out has not ended"))

func outcomeOf(err error) Outcome {
	c := cause.Of(err)
	return Outcome{Code: c.Code(), Cause: c, Err: err}
}

// stage runs one stage and keeps its start, end and outcome in the record.
func (a *attempt) stage(name string, f func() error) error {
	s := a.rec.begin(name)
	a.saveRecord()
	a.Log.Debug().Str("stage", name).Msg("begins")
	err := a.guard(f)
	took := a.rec.finish(s, err)
	a.Log.Info().Str("stage", name).Stringer("took", took.Round(time.Millisecond)).AnErr("error", err).Msg("ended")
	a.saveRecord()
	return err
}

// guard turns a panic into an error, so that a bug in one stage costs no results.
func (a *attempt) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			a.Log.Error().Str("stack", string(debug.Stack())).Msgf("panic: %v", p)
			err = cause.Fail(cause.Internal, "please report this", "panic: %v", p)
		}
	}()
	return f()
}

func (a *attempt) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a.rec.warn(text) {
		a.Log.Warn().Msg(text)
	}
}
