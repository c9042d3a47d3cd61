package sync_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
	var progress ferrysync.Progress
	st := &putHook{direct, func(string) {
		once.Do(func() {
			for deadline := time.Now().Add(10 * time.Second); !progress.Complete.Load() && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond) // the walk is to see files yet
			}
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
	s, err := ferrysync.New(ferrysync.Config{MaxTransfers: 1}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{Event: seen.add, Progress: &progress})
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

// A file that becomes shorter while it is sent is no fault of the store's: it is sent again, as it is then.
func TestFileBecomesShorter(t *testing.T) {
	bothStores(t, func(t *testing.T, direct store.Store) {
		src := t.TempDir()
		content := map[string]string{"b-huge": string(storetest.Bytes(12 << 20)), "b-large": string(storetest.Bytes(600_000))}
		for i := range 100 {
			content[fmt.Sprintf("a%d", i)], content[fmt.Sprintf("c%d", i)] = "x", "y"
		}
		files(t, src, content)
		var shortened sync.Map
		st := &putHook{direct, func(key string) {
			if _, again := shortened.LoadOrStore(key, true); !again && strings.HasPrefix(key, "p/b-") {
				if err := os.Truncate(filepath.Join(src, key[2:]), 300_000); err != nil {
					t.Error(err)
				}
			}
		}}
		var seen events
		s, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{Event: seen.add})
		if err != nil || s.Files != 202 || s.Retries != 2 || len(seen.paths(ferrysync.OpFail)) > 0 {
			t.Errorf("%+v, %v", s, err)
		}
		for _, key := range []string{"p/b-huge", "p/b-large"} {
			if o, b := storetest.Get(t, direct, key, store.OpenOptions{}); len(b) != 300_000 {
				t.Errorf("%q has %d bytes", o.Key, len(b))
			}
		}
	})
}

// unprivileged runs f on a thread that may read only what permissions let, also where the test is root's.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	dropped := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(dropped)
		var none [2]unix.CapUserData
		err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
		if dropped <- err; err == nil {
			f()
		}
	}()
	if err := <-dropped; err != nil {
		t.Fatal(err)
	}
	if err := <-dropped; err != nil {
		t.Error(err)
	}
}

// What cannot be read is named, and costs nothing else.
func TestUnreadableDirectory(t *testing.T) {
	st := dirStore(t, t.TempDir())
	src := t.TempDir()
	files(t, src, map[string]string{"a": "1", "private/b": "2", "z/c": "3"})
	if err := os.Chmod(src+"/private", 0); err != nil {
		t.Fatal(err)
	}
	e, root := ferrysync.New(ferrysync.Config{}), openRoot(t, src)
	var snap *ferrysync.Snapshot
	unprivileged(t, func() {
		var err error
		snap, err = e.Take(t.Context(), root, ferrysync.Options{})
		if snap == nil || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), `"private/"`) {
			t.Errorf("Take: %v, %v", snap, err)
		}
	})
	empty, err := e.Take(t.Context(), openRoot(t, t.TempDir()), ferrysync.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]ferrysync.Options{"listed": {Delete: true}, "since": {Since: empty}} {
		var seen events
		o.Event = seen.add
		unprivileged(t, func() {
			s, err := e.Up(t.Context(), root, st, name, o)
			if !ferrysync.IsPerFile(err) || !errors.Is(err, fs.ErrPermission) || s.Failed != 1 || s.Files != 2 {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
		})
		if failed := seen.paths(ferrysync.OpFail); !slices.Equal(failed, []string{"private/"}) {
			t.Errorf("%s: failed: %q", name, failed)
		}
		if got := storetest.List(t, st, name+"/"); !slices.Equal(got, []string{name + "/a", name + "/z/c"}) {
			t.Errorf("%s: stored: %q", name, got)
		}
	}
	if err := os.Chmod(src+"/private", 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := e.Up(t.Context(), root, st, "later", ferrysync.Options{Since: snap})
	if got := storetest.List(t, st, "later/"); err != nil || s.Skipped != 2 || !slices.Equal(got, []string{"later/private/b"}) {
		t.Errorf("since the snapshot: %+v, %v, stored %q", s, err, got)
	}
}
