package wrapper

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// refuseTime bounds telling the store of a job that never began.
const refuseTime = 20 * time.Second

// errRunning marks the refusal of a job that another ferry runs right now: that one's record must stand.
var errRunning = errors.New("running on this node already")

// RefuseJob tells those who wait for a job why it never began, where its settings say where to: run.json, exit_code.txt
// and a line in stderr.txt of its metadata dir. err is what Describe said. It returns the outcome.
func RefuseJob(ctx context.Context, s Settings, err error, deps Deps) Outcome {
	d := &describer{lookup: func(string) (string, bool) { return "", false }, Job: defaults()}
	for _, o := range Options {
		if v, ok := s[o.Name]; ok {
			_ = o.set(d, v.Values) // what is wrong is told already
		}
	}
	out := outcomeOf(err)
	if d.Remote == "" || d.MetadataDir == "" && d.Workdir == "" {
		return out
	}
	a := &attempt{Job: d.fill(), Deps: deps}
	a.rec = newRecord(a.Job, deps.Version)
	var e error
	if a.store, a.prefix, e = a.Open(ctx, a.Remote); e == nil {
		_ = a.tell(ctx, out) // the process's error says the same
	}
	return out
}

// refuse ends a job for which no place was made.
func (a *attempt) refuse(ctx context.Context, err error) Outcome {
	out := outcomeOf(err)
	if a.store != nil && !errors.Is(err, errRunning) {
		if e := a.guard(func() error { return a.tell(ctx, out) }); e != nil {
			a.keepRecord(e)
		} else {
			a.dropRecords()
		}
	}
	if e := a.guard(a.removeRoot); e != nil {
		a.Log.Warn().Err(e).Msg("local files are left")
	}
	return out
}

// tell puts the outcome files of a job without a place on this node straight into the store.
func (a *attempt) tell(save context.Context, out Outcome) error {
	ctx, cancel := lastly(save, refuseTime)
	defer cancel()
	a.rec.conclude(out)
	a.rec.end()
	for _, f := range []struct {
		path string
		data []byte
	}{
		{path.Join(a.MetadataDir, recordName), a.rec.json()},
		{a.Files.ExitCode, exitFile(out.Code)},
		{a.Files.Stderr, reasonLine(out)},
	} {
		key := path.Join(a.prefix, inRoot(f.path))
		if _, err := a.store.Put(ctx, key, store.Body{Bytes: f.data}, store.PutOptions{}); err != nil {
			return err // what one could not reach, the next will not
		}
	}
	return nil
}

// exitFile is the content of the exit code file.
func exitFile(code int) []byte { return fmt.Appendf(nil, "{ \"exit_code\": %d }\n", code) }

// reasonLine says for the module's user why the job ended as it did.
func reasonLine(out Outcome) []byte { return fmt.Appendf(nil, "ferry: %s: %v\n", out.Cause, out.Err) }
