package dir_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Suite{New: func(t *testing.T) store.Store {
		s, err := dir.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}}.Run(t)
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
		w.Close()
	}
	if !errors.Is(err, store.ErrNotExist) {
		t.Errorf("opening a pipe: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
