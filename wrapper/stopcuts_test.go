package wrapper_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/wrapper"
)

// denyingStore refuses one key and never ends the PUT of another.
type denyingStore struct {
	slowStore
	deny string
}

func (s denyingStore) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if key == s.deny {
		return store.Object{}, store.ErrDenied
	}
	return s.slowStore.Put(ctx, key, b, o)
}

// A stop that cuts stage out is an interruption: the job is safe to try again. Where the store refused a result for good, a second
// try would fare no better.
func TestStopCutsStageOut(t *testing.T) {
	for about, c := range map[string]struct {
		deny string
		code int
		want cause.Cause
	}{
		"time alone": {"", 75, cause.Interrupted},
		"a refusal":  {"jobs/1/denied.txt", 73, cause.StageOut},
	} {
		t.Run(about, func(t *testing.T) {
			s := newRig(t)
			s.exec("echo x > good.txt", "echo x > denied.txt", "echo x > stalls.txt")
			d := s.deps()
			d.Open = func(_ context.Context, url string) (store.Store, string, error) {
				st, err := dir.New(url)
				return denyingStore{slowStore{st, 0, "jobs/1/stalls.txt"}, c.deny}, "", err
			}
			d.Transfer = ferrysync.New(ferrysync.Config{})
			save, stop := context.WithCancelCause(t.Context())
			go func() { // the grace time ends once all but the stalled result is there
				for s.get("jobs/1/good.txt") == "" || c.deny == "" && s.get("jobs/1/denied.txt") == "" {
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(100 * time.Millisecond)
				stop(errors.New("the grace time is over"))
			}()
			out := wrapper.Run(t.Context(), save, s.job(testenv.ModuleImage(t)), d)
			s.nothingLeft()
			r := s.ended(out, c.code, c.want)
			if _, err := os.Stat(filepath.Join(s.store, "jobs/1/stalls.txt")); err == nil || len(r.NotStored) == 0 {
				t.Errorf("not stored: %q", r.NotStored)
			}
		})
	}
}
