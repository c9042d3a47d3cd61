package sync_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A putHook is a store that calls a function before each Put.
type putHook struct {
	store.Store
	before func(key string)
}

func (h *putHook) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	h.before(key)
	return h.Store.Put(ctx, key, b, o)
}

// A module may do anything to its files while they are sent.
func TestFileBecomesAPipe(t *testing.T) {
	direct, _ := s3Store(t)
	src := t.TempDir()
	files(t, src, map[string]string{"a": "1", "b": "2", "c": "3", "target": "4"})
	if err := os.Symlink("target", src+"/link"); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	st := &putHook{direct, func(string) {
		once.Do(func() {
			for _, name := range []string{"b", "target"} {
				if err := os.Remove(filepath.Join(src, name)); err != nil {
					t.Error(err)
				}
				if err := syscall.Mkfifo(filepath.Join(src, name), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}}
	var seen events
	s, err := ferrysync.New(ferrysync.Config{MaxTransfers: 1}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{Event: seen.add})
	if !ferrysync.IsPerFile(err) || s.Failed != 3 || s.Files != 2 || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("%+v, %v", s, err)
	}
	if failed := seen.paths(ferrysync.OpFail); !slices.Equal(failed, []string{"b", "link", "target"}) {
		t.Errorf("failed: %q", failed)
	}
	if got := storetest.List(t, direct, ""); !slices.Equal(got, []string{"p/a", "p/c"}) {
		t.Errorf("stored: %q", got)
	}
}
