package wrapper_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
)

// guarded is a store that lets nobody read one object, though it may be listed: a key of KMS, a policy, an archive.
type guarded struct {
	store.Store
	key string
}

func (g guarded) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	if key == g.key {
		return nil, fmt.Errorf("reading %q: %w", key, store.ErrDenied)
	}
	return g.Store.Open(ctx, key, o)
}

// An input file that is there and may not be read is not said to be missing.
func TestInputFileThatIsDenied(t *testing.T) {
	s := newRig(t)
	s.put("in/a.gct", "secret\n")
	s.exec("true")
	d := s.deps()
	open := d.Open
	d.Open = func(ctx context.Context, url string) (store.Store, string, error) {
		st, prefix, err := open(ctx, url)
		return guarded{st, "in/a.gct"}, prefix, err
	}
	out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "input", "/in/a.gct"), d)
	s.nothingLeft()
	if out.Code != 65 || !strings.Contains(out.Err.Error(), store.ErrDenied.Error()) || strings.Contains(out.Err.Error(), "nothing is in the store") {
		t.Errorf("ended with %d: %v", out.Code, out.Err)
	}
}
