package wrapper_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/wrapper"
)

// slowStore is a store whose PUTs of results take a time each, or never end.
type slowStore struct {
	*dir.Store
	put   time.Duration
	stall string // a key whose PUT never ends
}

func (s slowStore) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if strings.Contains(key, ".gp_metadata/") {
		return s.Store.Put(ctx, key, b, o)
	}
	wait := time.After(s.put)
	if key == s.stall {
		wait = nil
	}
	select {
	case <-wait:
		return s.Store.Put(ctx, key, b, o)
	case <-ctx.Done():
		return store.Object{}, context.Cause(ctx)
	}
}

// slow makes d's store slow.
func (s *rig) slow(d wrapper.Deps, put time.Duration, stall string) wrapper.Deps {
	d.Open = func(_ context.Context, url string) (store.Store, string, error) {
		st, err := dir.New(url)
		return slowStore{st, put, stall}, "", err
	}
	return d
}

// many is a module that leaves many results and never ends.
const many = "i=0; while [ $i -lt 400 ]; do echo $i > r$i.txt; i=$((i+1)); done; sleep 100 & wait"

// Nobody is about to kill ferry at its own walltime. The results have time as long as they move, many times the grace time here.
func TestPatienceAfterTheWalltime(t *testing.T) {
	s := newRig(t)
	s.exec(many)
	d := s.slow(s.deps(), 100*time.Millisecond, "").Patience(20*time.Second, time.Hour)
	out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "walltime", "2", "grace", "0.2"), d)
	s.nothingLeft()
	r := s.ended(out, 142, cause.Walltime)
	for i := range 400 {
		if key := fmt.Sprintf("jobs/1/r%d.txt", i); s.get(key) == "" {
			t.Fatalf("%s is not stored; not stored are %q", key, r.NotStored)
		}
	}
}

// Patience ends where nothing moves any more, and in any case some time.
func TestPatienceEnds(t *testing.T) {
	for about, c := range map[string]struct {
		put            time.Duration
		stall          string
		still, longest time.Duration
	}{
		"nothing moves": {0, "jobs/1/r7.txt", time.Second, time.Hour},
		"too long":      {time.Second, "", time.Hour, 2 * time.Second},
	} {
		t.Run(about, func(t *testing.T) {
			s := newRig(t)
			s.exec(many)
			d := s.slow(s.deps(), c.put, c.stall).Patience(c.still, c.longest)
			out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "walltime", "2"), d)
			s.nothingLeft()
			if out.Cause != cause.Walltime || len(s.record().NotStored) == 0 {
				t.Errorf("%+v, not stored %q", out, s.record().NotStored)
			}
		})
	}
}
