package sync_test

import (
	"context"
	"sync/atomic"
	"testing"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// A limitedStore counts how many reads are under way at once.
type limitedStore struct {
	store.Store
	now, most atomic.Int64
}

func (l *limitedStore) MaxRequests() int { return 2 }

func (l *limitedStore) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	n := l.now.Add(1)
	defer l.now.Add(-1)
	for {
		m := l.most.Load()
		if n <= m || l.most.CompareAndSwap(m, n) {
			break
		}
	}
	return l.Store.Open(ctx, key, o)
}

// A store that allows few requests at once gets no more.
func TestLimitedStore(t *testing.T) {
	t.Parallel()
	st, _ := s3Store(t)
	content := map[string]string{}
	for i := range 60 {
		content["p/"+string(rune('a'+i%26))+string(rune('a'+i/26))] = "x"
	}
	fill(t, st, content)
	l := &limitedStore{Store: st}
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), l, "p", openRoot(t, t.TempDir()), ferrysync.Options{})
	if err != nil || s.Files != 60 || l.most.Load() > 2 {
		t.Errorf("%+v, %v, %d at once", s, err, l.most.Load())
	}
}
