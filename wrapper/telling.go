package wrapper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/node"
	"github.com/genepattern/ferry/wrapper/record"
)

const (
	// recordTime bounds sending the record. It is more than the five minutes after which a silent connection counts as broken
	// (package wire), so that time is left to send the record again.
	recordTime = 6 * time.Minute
	// recordAgain bounds sending the record where that has failed once.
	recordAgain = 5 * time.Second
	// lastTime is what the record gets once no time is left for results. The caller keeps more than twice as much of the 30 s
	// that AWS Batch gives.
	lastTime = 2 * time.Second
)

var errLate = errors.New("the store did not answer in time")

// lastly is a context for what is worth trying even after save has ended. It ends after limit, or lastTime after save ends,
// whichever is earlier.
func lastly(save context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(save), limit, errLate)
	over := context.AfterFunc(save, func() {
		t := time.AfterFunc(lastTime, cancel)
		context.AfterFunc(ctx, func() { t.Stop() })
	})
	return ctx, func() { over(); cancel() }
}

// settle makes out the job's outcome: in the record, in the exit code file and in stderr.txt. It does nothing once the store was
// told.
func (o *outbox) settle(out Outcome, m *module) {
	if o.is(told) {
		return
	}
	o.advance(settled)
	s := o.site
	s.tell.rec.Conclude(out.Code, out.Cause, out.Err)
	if m != nil {
		if exit := m.ended(); exit != nil {
			s.note(s.own(record.CodeName), []byte(strconv.Itoa(exit.Code)+"\n"))
		}
	}
	if n, ok := s.exitCode(); !ok || n != out.Code {
		s.note(s.job.Files.ExitCode, record.ExitFile(out.Code))
	}
	if out.Cause != cause.None {
		s.addReason(out)
	}
}

// send sends the files that say how the job ended: the record, then the exit code, then the rest of the metadata dir. Where the
// store was told before, it sends the record alone. The error has a cause.
func (o *outbox) send(save context.Context, limit time.Duration, m *module) error {
	ctx, cancel := lastly(save, limit)
	defer cancel()
	s := o.site
	if err := o.ask(ctx, save); err != nil {
		return err
	}
	first := !o.is(told)
	err := s.tell.rec.Save()
	if o.remote != nil { // from memory: what is on the disk may be the module's
		err = o.remote.put(ctx, o.remote.key(s.metadata(record.FileName)), s.tell.rec.JSON())
	}
	if err == nil && first {
		err = o.sendExitCode(ctx)
	}
	switch {
	case err != nil && save.Err() != nil:
		return cause.Fail(cause.Interrupted, "the job is safe to try again", "told to stop before the record was sent: %w", err)
	case err != nil && ctx.Err() != nil:
		return cause.Fail(cause.StageOut, "", "sending the record: %w", err)
	case err != nil:
		return cause.Name(ctx, cause.StageOut, "", fmt.Errorf("sending the record: %w", err))
	case !first:
		return nil
	}
	o.advance(told)
	if err := o.sendLogs(ctx, m); err != nil {
		s.tell.log.Warn().Err(err).Msg("sending the logs")
	}
	return nil
}

// ask is claim.check, in the time that is left.
func (o *outbox) ask(ctx, save context.Context) error {
	limit := askTime
	if save.Err() != nil {
		limit = askLast
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return o.claim.check(ctx)
}

// sendExitCode sends the exit code file as it is, or one of ferry's where that has another code.
func (o *outbox) sendExitCode(ctx context.Context) error {
	file, want := o.site.job.Files.ExitCode, o.site.tell.rec.ExitCode()
	data := exitFile(o.site)
	n, ok := record.ParseExitCode(data)
	same := ok && n == want
	if !same {
		data = record.ExitFile(want)
	}
	switch {
	case o.remote != nil:
		return o.remote.put(ctx, o.remote.key(file), data)
	case same: // in place it is where it belongs
		return nil
	}
	return o.site.write(file, data)
}

// sendLogs sends what changed of ferry's own files, and in the metadata dir. Where that was not staged in whole, stderr.txt is all that
// is sent of it.
func (o *outbox) sendLogs(ctx context.Context, m *module) error {
	if o.remote == nil {
		return nil
	}
	s := o.site
	if o.since(s.job.Dirs.Metadata) == nil {
		if st, err := s.root.Lstat(inRoot(s.job.Files.Stderr)); err == nil && st.Mode().IsRegular() { // the most telling first
			if _, err := o.transfer.UpFile(ctx, s.root, inRoot(s.job.Files.Stderr), o.remote.store, o.remote.key(s.job.Files.Stderr), ferrysync.Options{Preserve: true}); err != nil {
				return err // what one could not reach, the next will not
			}
		}
	} else if _, err := o.up(ctx, o.metadata(), m, nil, o.budget(), nil); err != nil {
		return err
	}
	_, err := o.up(ctx, o.ownFiles(), m, nil, o.budget(), nil)
	return err
}

func (r *remote) put(ctx context.Context, key string, data []byte) error {
	_, err := r.store.Put(ctx, key, store.Body{Bytes: data}, store.PutOptions{})
	return err
}

// refuseTime bounds telling the store of a job that never began.
const refuseTime = 20 * time.Second

// refuse writes the outcome files of a job that has no site on this node straight into the store.
func (r *remote) refuse(save context.Context, j *job.Job, rec *record.Keeper, out Outcome) error {
	ctx, cancel := lastly(save, refuseTime)
	defer cancel()
	if err := newClaim(r, j.Dirs.Metadata, rec).check(ctx); err != nil {
		return err
	}
	rec.Conclude(out.Code, out.Cause, out.Err)
	rec.End()
	for _, f := range []struct {
		path string
		data []byte
	}{
		{j.Dirs.Metadata + "/" + record.FileName, rec.JSON()},
		{j.Files.ExitCode, record.ExitFile(out.Code)},
		{j.Files.Stderr, record.ReasonLine(out.Cause, out.Err)},
	} {
		if err := r.put(ctx, r.key(f.path), f.data); err != nil {
			return err // what one could not reach, the next will not
		}
	}
	return nil
}

// keepRecord keeps a record on the node that could not be sent to the store. It also writes the record into the log, which often
// outlives the node.
func (t *teller) keepRecord(j *job.Job, why error) {
	var line bytes.Buffer
	_ = json.Compact(&line, t.rec.Brief())
	name, err := node.KeepRecord(j.LocalPrefix, j.Identity.ID, j.Identity.Attempt, t.rec.JSON())
	e := t.log.Error().AnErr("why", why).RawJSON("record", line.Bytes())
	if err != nil {
		e.AnErr("not_kept", err).Msg("the record is not in the store")
		return
	}
	e.Str("kept", name).Msg("the record is not in the store")
}
