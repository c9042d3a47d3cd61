package wrapper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/record"
)

// errNewer says that a newer attempt of the job has announced itself in the store. What the store has of the job is that attempt's.
var errNewer = errors.New("a newer attempt of this job has begun")

// A claim is an attempt's word in the store that it is the one that runs. An attempt that is given up by its scheduler may still run
// on a node that nobody reaches. It must not overwrite what a newer one says. So it asks for the store's record before it sends
// something. A claim is safe for concurrent use.
type claim struct {
	remote  *remote
	rec     *record.Keeper
	key     string // of run.json
	attempt int
	run     string // this run's id in the record

	mu     sync.Mutex
	before string // the id of the run that the store's record was of before this one's
	stands bool   // the store has this run's record, or has had it
	lost   error  // why nothing is sent any more
	onLost func(error)
}

func newClaim(r *remote, metadata string, rec *record.Keeper) *claim {
	c := &claim{remote: r, rec: rec, key: r.key(path.Join(metadata, record.FileName))}
	rec.Edit(func(r *record.Record) { c.attempt, c.run = r.Attempt, r.Run })
	return c
}

const (
	// askTime bounds the question for the store's record. A store that does not answer it does not take what follows either.
	askTime = 20 * time.Second
	// askLast bounds it once no time is left.
	askLast = lastTime / 3
	// askPeriod is between two questions while results are sent.
	askPeriod = 10 * time.Second
)

// check is an error that wraps errNewer, and has a cause, where a newer attempt has announced itself. A store that does not tell is
// no error: it will hardly take what follows.
func (c *claim) check(ctx context.Context) error {
	if c == nil {
		return nil
	}
	if err := c.given(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	there, err := c.remote.subject(ctx, c.key)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	newer := there.Attempt > c.attempt || there.Attempt == c.attempt && c.stands && there.Run != c.run && there.Run != c.before
	if newer && c.lost == nil {
		c.lost = newerError(there, c.attempt)
		if c.onLost != nil {
			c.onLost(c.lost)
		}
	}
	defer c.mu.Unlock()
	return c.lost
}

func newerError(there record.Subject, attempt int) error {
	if there.Attempt == attempt { // somebody ran the job again under the same number
		return cause.Fail(cause.Interrupted, "its results count", "%w: another run of attempt %d", errNewer, attempt)
	}
	return cause.Fail(cause.Interrupted, "its results count", "%w: attempt %d, and this is attempt %d", errNewer, there.Attempt, attempt)
}

// earlier is the run that the store's record was of before this one.
func (c *claim) earlier() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.before
}

// resume makes the claim one that another process has announced.
func (c *claim) resume(before string, onLost func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before, c.stands, c.onLost = before, true, onLost
}

// given is why the claim was given up, nil where it was not.
func (c *claim) given() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// while is a context that ends when a newer attempt announces itself. stop ends the watch.
func (c *claim) while(ctx context.Context) (mine context.Context, stop func()) {
	mine, cancel := context.WithCancelCause(ctx)
	if c == nil {
		return mine, func() { cancel(nil) }
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(askPeriod)
		defer tick.Stop()
		for {
			select {
			case <-mine.Done():
				return
			case <-tick.C:
			}
			if err := c.check(mine); err != nil {
				cancel(err)
			}
		}
	})
	return mine, func() { cancel(nil); watching.Wait() }
}

// announce tells the store that this attempt runs, before anything of it begins, and puts an older attempt's exit code out of the
// way: whoever waits for one must not read it. It fails where a newer attempt was announced. Its errors have a cause.
func (c *claim) announce(ctx context.Context, exitFile string) error {
	there, err := c.remote.subject(ctx, c.key)
	if err != nil && !errors.Is(err, store.ErrNotExist) && !errors.Is(err, errNoRecord) {
		return cause.Name(ctx, cause.StageIn, "", fmt.Errorf("asking for an earlier attempt: %w", err))
	}
	c.mu.Lock()
	c.before = there.Run
	if there.Attempt > c.attempt {
		c.lost = newerError(there, c.attempt)
	}
	lost := c.lost
	c.mu.Unlock()
	if lost != nil {
		return lost
	}
	if err := c.remote.put(ctx, c.key, c.rec.JSON()); err != nil {
		return cause.Name(ctx, cause.StageIn, "", fmt.Errorf("announcing this attempt: %w", err))
	}
	c.mu.Lock()
	c.stands = true
	c.mu.Unlock()
	if err := c.remote.putAside(ctx, exitFile, there); err != nil {
		return cause.Name(ctx, cause.StageIn, "", fmt.Errorf("putting an earlier attempt's exit code aside: %w", err))
	}
	return nil
}

// asideMark stands between the name of an exit code file and the number of the attempt that wrote it.
const asideMark = ".attempt-"

// exitFileMax is how much of an exit code file is kept.
const exitFileMax = 1 << 20

// putAside gives an exit code file another name. Where the store lets nobody delete, the file stays and has no code in it.
func (r *remote) putAside(ctx context.Context, file string, of record.Subject) error {
	key := r.key(file)
	old, err := r.read(ctx, key, exitFileMax)
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, isCode := record.ParseExitCode(old); isCode {
		if err := r.put(ctx, fmt.Sprintf("%s%s%d", key, asideMark, of.Attempt), old); err != nil {
			return err
		}
	}
	if r.store.Delete(ctx, []string{key}) == nil {
		return nil
	}
	return r.put(ctx, key, []byte("{}\n"))
}

// errNoRecord is the error of a run.json that no ferry has written.
var errNoRecord = errors.New("no record of ferry's")

// recordMax bounds what is read of a record. A record has at most a few thousand names.
const recordMax = 16 << 20

// subject reads whose the record under the key is. store.ErrNotExist, errNoRecord.
func (r *remote) subject(ctx context.Context, key string) (s record.Subject, err error) {
	data, err := r.read(ctx, key, recordMax)
	if err != nil {
		return s, err
	}
	if json.Unmarshal(data, &s) != nil {
		return record.Subject{}, errNoRecord
	}
	return s, nil
}

// record reads the record under the key. store.ErrNotExist, errNoRecord.
func (r *remote) record(ctx context.Context, key string) (all record.Record, err error) {
	data, err := r.read(ctx, key, recordMax)
	if err != nil {
		return all, err
	}
	if json.Unmarshal(data, &all) != nil {
		return record.Record{}, errNoRecord
	}
	return all, nil
}

// read reads a small object, or the first bytes of a large one.
func (r *remote) read(ctx context.Context, key string, most int64) ([]byte, error) {
	in, err := r.store.Open(ctx, key, store.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, most))
}
