package dir_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Suite{
		Kind:    dir.Kind,
		New:     func(t *testing.T) store.Store { return newStore(t, t.TempDir()) },
		Denying: denying,
	}.Run(t)
}

func newStore(t *testing.T, path string) store.Store {
	s, err := dir.New(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// denying denies a file by its mode. Root may read it all the same, and so gives up the right for as long as the test
// takes: on Linux each thread has a user of its own for files.
func denying(t *testing.T) (store.Store, func(string)) {
	path := t.TempDir()
	deny := func(key string) {
		for name, mode := range map[string]os.FileMode{key: 0, filepath.Dir(key): 0o755, ".": 0o755} {
			if err := os.Chmod(filepath.Join(path, name), mode); err != nil {
				t.Fatal(err)
			}
		}
		if os.Geteuid() != 0 {
			return
		}
		runtime.LockOSThread()
		// The call gives no error: where the right cannot be given up, the suite finds the object readable.
		_ = syscall.Setfsuid(65534)
		t.Cleanup(func() { // on the same goroutine; root always gets it back
			_ = syscall.Setfsuid(0)
			runtime.UnlockOSThread()
		})
	}
	return newStore(t, path), deny
}

// A pipe is no object, and nobody waits for who would write into it.
func TestPipe(t *testing.T) {
	path := t.TempDir()
	s, err := dir.New(path)
	if err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(path, "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := s.Open(t.Context(), "pipe", store.OpenOptions{})
		result <- err
	}()
	select {
	case err = <-result:
	case <-time.After(20 * time.Second):
		t.Error("opening it hangs")
		w, werr := os.OpenFile(pipe, os.O_RDWR, 0) // lets it go on
		if werr != nil {
			t.Fatal(werr)
		}
		err = <-result
		_ = w.Close()
	}
	if !errors.Is(err, store.ErrNotExist) {
		t.Errorf("opening a pipe: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
