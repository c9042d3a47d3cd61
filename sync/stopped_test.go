package sync_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// Once a transfer is stopped, each file that it had planned has its Event, and so it is known by name what is not there.
func TestStoppedByName(t *testing.T) {
	over := errors.New("the time is over")
	unreachable := fmt.Errorf("writing: %w", store.ErrOutage)
	for _, c := range []struct {
		name  string
		files int
		whole bool // the plan
		fatal error
	}{
		{"context", 500, true, nil},
		{"context while planning", 1500, false, nil},
		{"store", 500, true, unreachable},
		{"store while planning", 1500, false, unreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, content := t.TempDir(), map[string]string{}
			for i := range c.files {
				content[fmt.Sprintf("f%04d", i)] = "x"
			}
			files(t, src, content)
			e, root := ferrysync.New(ferrysync.Config{MaxTransfers: 4}), openRoot(t, src)
			empty, err := e.Take(t.Context(), openRoot(t, t.TempDir()), ferrysync.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			var progress ferrysync.Progress
			st := &failingStore{Store: dirStore(t, t.TempDir()), from: 20, fail: func() error {
				for c.whole && !progress.Complete.Load() {
					time.Sleep(time.Millisecond)
				}
				if c.fatal == nil {
					stop(over)
				}
				return c.fatal
			}}
			var seen events
			s, err := e.Up(ctx, root, st, "p", ferrysync.Options{Since: empty, Event: seen.add, Progress: &progress})
			why, silent := over, int64(0)
			if c.fatal != nil {
				why, silent = c.fatal, 1 // its file is what the error is about
			}
			if !errors.Is(err, why) || s.CutShort == c.whole || s.Dropped == 0 || s.Files+s.Failed+s.Dropped != progress.Files.Load() {
				t.Errorf("%+v of %d planned, %v", s, progress.Files.Load(), err)
			}
			if c.whole != (progress.Files.Load() == int64(c.files)) {
				t.Errorf("%d planned", progress.Files.Load())
			}
			named := map[string]bool{}
			for _, v := range seen.all {
				if named[v.Path] {
					t.Errorf("%q has two events", v.Path)
				}
				named[v.Path] = true
				if v.Op == ferrysync.OpFail && (!errors.Is(v.Err, ferrysync.ErrStopped) || !errors.Is(v.Err, why)) {
					t.Errorf("%q: %v", v.Path, v.Err)
				}
			}
			if int64(len(named)) != progress.Files.Load()-silent {
				t.Errorf("%d events for %d planned", len(named), progress.Files.Load())
			}
		})
	}
}

// A failingStore's Put fails from a certain one on.
type failingStore struct {
	store.Store
	n    atomic.Int64
	from int64
	fail func() error
}

func (f *failingStore) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if f.n.Add(1) >= f.from {
		if err := f.fail(); err != nil {
			return store.Object{}, err
		}
	}
	return f.Store.Put(ctx, key, b, o)
}
