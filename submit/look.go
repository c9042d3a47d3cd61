package submit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/record"
)

// Status tells how far a job is. ref is a handle, or a short id of this machine. A scheduler that does not answer is no error: then
// the message says so. The error has a cause.
func (c *Client) Status(ctx context.Context, ref string) (Status, error) {
	s, err := c.find(ctx, ref)
	if err != nil {
		return Status{}, err
	}
	return s.status(ctx)
}

func (s *submission) status(ctx context.Context) (Status, error) {
	w := s.ask(ctx)
	st := Status{Subject: subjectOf(s), Times: Times{Submitted: s.file.From.Time}}
	if w.report != nil {
		st.addReport(w.report)
	}
	if s.file.Array != nil {
		return st, s.array(ctx, w, &st)
	}
	var err error
	if w.record, err = recordOf(ctx, s.place, s.file.Name); err != nil {
		return st, err
	}
	// Ferry may have ended, and its record come, between the two questions: one that is late is no lost job.
	if w.report != nil && !w.report.Phase.Ended() && w.record != nil && w.record.State == record.StateDone {
		w.report = nil
	}
	st.Outcome = w.join()
	st.addRecord(w.record)
	return st, nil
}

func subjectOf(s *submission) Subject {
	return Subject{Handle: s.place.url, ID: handle.ShortID(s.file.Name), Target: s.file.Target}
}

// ask gets the scheduler's word.
func (s *submission) ask(ctx context.Context) word {
	w := word{cancelled: s.file.Cancelled != nil}
	sched, err := s.scheduler()
	if err == nil {
		var id string
		if id, err = task(ctx, sched, s.file); err == nil {
			var r scheduler.Report
			if r, err = sched.Look(ctx, id, s.file.Children()); err == nil {
				w.report = &r
			}
		}
	}
	switch {
	case errors.Is(err, scheduler.ErrUnknown) && s.file.Task == "":
		w.report = &scheduler.Report{Phase: scheduler.Failed, Why: "it was never submitted"}
	case errors.Is(err, scheduler.ErrUnknown):
		w.silence = "the scheduler does not know the job any more"
	case err != nil:
		w.silence = "no word of the scheduler: " + err.Error()
	}
	return w
}

// recordOf reads the record of a metadata dir; nil where it has none of the job with this id, of which only the end, from a dot on, may be
// given. An earlier submission's is not this
// one's, and what cannot be read whole is no record.
func recordOf(ctx context.Context, p place, id string) (*record.Record, error) {
	data, err := p.read(ctx, record.FileName)
	if errors.Is(err, store.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, cause.Name(ctx, cause.StageIn, "", fmt.Errorf("reading %s/%s: %w", p.url, record.FileName, err))
	}
	rec, err := record.Parse(data)
	if err != nil || rec.Job != id && !(strings.HasPrefix(id, ".") && strings.HasSuffix(rec.Job, id)) {
		return nil, nil
	}
	return rec, nil
}

func (st *Status) addReport(r *scheduler.Report) {
	st.Place, st.Attempts, st.Reclaims = r.Place, r.Attempts, r.Reclaims
	if !r.Started.IsZero() {
		st.Started = &r.Started
	}
	if !r.Ended.IsZero() {
		st.Ended = &r.Ended
	}
}

func (st *Status) addRecord(rec *record.Record) {
	if rec == nil {
		return
	}
	st.Started, st.MemoryLimit, st.Node = &rec.Started, rec.Limits.Memory, rec.Node
	st.Attempts = max(st.Attempts, rec.Attempt)
	if rec.Ended != nil {
		st.Ended = rec.Ended
	}
	if rec.Exit != nil {
		st.PeakMemory = rec.Exit.PeakMemory
		st.Suggestion = suggest(st.MemoryLimit, st.PeakMemory, rec.Cause)
	}
}

// array counts the children. The scheduler's word is enough where it has one: the exit code of a child's process is the record's.
// Where it has none, the records are read.
func (s *submission) array(ctx context.Context, w word, st *Status) error {
	st.Children = map[State]int{}
	if w.report != nil && w.report.Children != nil {
		for p, n := range w.report.Children {
			st.Children[stateOf(p, w.cancelled)] += n
		}
		st.Failed = slices.Clone(w.report.Failed)
		if err := s.recount(ctx, w, st); err != nil {
			return err
		}
	} else if err := s.countRecords(ctx, w, s.file.Children(), st); err != nil {
		return err
	}
	for state, n := range s.file.Array.Rest {
		st.Children[State(state)] += n
	}
	if before := s.file.Array.Failed; len(before) > 0 {
		st.Children[Failed] += len(before)
		st.Failed = slices.Sorted(slices.Values(slices.Concat(st.Failed, before)))
	}
	st.State = arrayState(st.Children)
	st.Message = w.silence
	if w.report != nil {
		st.Message = w.report.Why
	}
	if !st.State.Ended() {
		return nil
	}
	code := 0
	switch st.State {
	case Done:
	case Cancelled:
		code, st.Cause = cause.Interrupted.Code(), cause.Interrupted
		if len(st.Failed) > 0 {
			st.Message = join(fmt.Sprintf("%d of %d children did not come to their end, or failed", len(st.Failed), s.file.Array.Count), st.Message)
		}
	case Lost:
		st.Message = join(fmt.Sprintf("%d of %d children ended without their record", len(st.Failed), s.file.Array.Count), st.Message)
		st.Hint = lostHint
		return nil // nobody knows a code
	default:
		code = 1
		if len(st.Failed) > 0 {
			st.Message = join(fmt.Sprintf("%d of %d children failed", len(st.Failed), s.file.Array.Count), st.Message)
		}
		for _, i := range st.Failed { // the first that has told why
			if rec, err := s.childRecord(ctx, i); err == nil && rec != nil && rec.State == record.StateDone && rec.ExitCode != 0 {
				code, st.Cause = rec.ExitCode, rec.Cause
				break
			}
		}
	}
	st.ExitCode = &code
	return nil
}

// childRecord is the record of a child, of this submission or an earlier one; nil where there is none.
func (s *submission) childRecord(ctx context.Context, index int) (*record.Record, error) {
	name := s.file.Name
	if slices.Contains(s.file.Array.Failed, index) {
		name = "" // of whichever it was
	}
	return recordOf(ctx, s.child(index), handle.ChildID(name, index))
}

// child is the metadata dir of a child of an array.
func (s *submission) child(index int) place { return s.work.below(childMetadata(index)) }

// childMetadata is a child's metadata dir below the working dir of the array, which its metadata dir is in.
func childMetadata(index int) string { return strconv.Itoa(index) + "/" + metadataName }

// readers is how many records are read at once.
const readers = 16

// recount asks the records of those children of which the scheduler says nothing, and once the array has ended also of those that failed,
// as it says: ferry may have ended before its last word to the scheduler, and after that to the store, or without any.
func (s *submission) recount(ctx context.Context, w word, st *Status) error {
	failed, silent := w.report.Failed, w.report.Silent
	w.silence, w.report = "", &scheduler.Report{Phase: scheduler.Failed}
	if err := s.countRecords(ctx, w, silent, st); err != nil {
		return err
	}
	if !w.cancelled && arrayState(st.Children).Ended() && len(failed) > 0 {
		st.Failed = slices.DeleteFunc(st.Failed, func(i int) bool { return slices.Contains(failed, i) })
		if st.Children[Failed] -= len(failed); st.Children[Failed] == 0 {
			delete(st.Children, Failed)
		}
		if err := s.countRecords(ctx, w, failed, st); err != nil {
			return err
		}
	}
	slices.Sort(st.Failed)
	return nil
}

// countRecords counts children by their records.
func (s *submission) countRecords(ctx context.Context, w word, children []int, st *Status) error {
	states := make([]State, len(children))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	slots := make(chan struct{}, readers)
	for n, i := range children {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			rec, err := recordOf(ctx, s.child(i), handle.ChildID(s.file.Name, i))
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				first = err
				return
			}
			one := word{report: w.report, record: rec, cancelled: w.cancelled, silence: w.silence}
			states[n] = one.join().State
		})
	}
	wg.Wait()
	if first != nil {
		return first
	}
	for n, state := range states {
		st.Children[state]++
		if state == Failed || state == Lost {
			st.Failed = append(st.Failed, children[n])
		}
	}
	return nil
}

// arrayState is the state of the whole.
func arrayState(n map[State]int) State {
	active := n[StagingIn] + n[Running] + n[StagingOut]
	ended := n[Done] + n[Failed] + n[Cancelled] + n[Lost]
	switch {
	case active > 0, n[Queued] > 0 && ended > 0:
		return Running
	case n[Queued] > 0:
		return Queued
	case n[Cancelled] > 0:
		return Cancelled
	case n[Failed] > 0:
		return Failed
	case n[Lost] > 0:
		return Lost
	}
	return Done
}
