package sync_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A watcher does something once so many bytes of bodies were read from files, or after a Put where they never are.
type watcher struct {
	store.Store
	left atomic.Int64
	do   func()
}

func (w *watcher) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if b.At != nil {
		b.At = &watchedAt{b.At, w}
	}
	put, err := w.Store.Put(ctx, key, b, o)
	if b.At == nil && w.left.Swap(-1) >= 0 {
		w.do()
	}
	return put, err
}

type watchedAt struct {
	io.ReaderAt
	w *watcher
}

func (a *watchedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := a.ReaderAt.ReadAt(p, off)
	if left := a.w.left.Add(-int64(n)); left < 0 && left+int64(n) >= 0 {
		a.w.do()
	}
	return n, err
}

// A file that changes while it is sent is sent again: what is stored is what the file was at one moment.
func TestFileChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		size  int64
		after int64 // bytes read
		young int64 // its size then
	}{
		{"small", 100, 0, 100},
		{"small, longer", 100, 0, 200},
		{"one request, while it is hashed", 3 << 20, 1 << 20, 3 << 20},
		{"one request, while it is sent", 3 << 20, 4 << 20, 3 << 20},
		{"one request, shorter", 3 << 20, 4 << 20, 1 << 20},
		{"parts", 12 << 20, 7 << 20, 12 << 20},
		{"parts, longer", 12 << 20, 15 << 20, 13 << 20},
		{"parts, shorter", 12 << 20, 15 << 20, 9 << 20},
	} {
		for _, kind := range []string{"s3", "dir"} {
			t.Run(c.name+" "+kind, func(t *testing.T) {
				t.Parallel()
				src := t.TempDir()
				files(t, src, map[string]string{"x": string(storetest.Bytes(c.size))})
				var st store.Store
				if kind == "s3" {
					st, _ = s3Store(t)
				} else {
					st = dirStore(t, t.TempDir())
				}
				young := bytes.Repeat([]byte("y"), int(c.young))
				w := &watcher{Store: st}
				w.do = func() {
					if err := os.WriteFile(filepath.Join(src, "x"), young, 0o600); err != nil {
						t.Error(err)
					}
				}
				w.left.Store(min(c.after, c.size*3/4)) // a directory is read once
				if kind == "s3" {
					w.left.Store(c.after)
				}
				s, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), w, "p", ferrysync.Options{})
				if err != nil || s.Files != 1 || w.left.Load() >= 0 {
					t.Fatalf("%+v, %v", s, err)
				}
				if _, b := storetest.Get(t, st, "p/x", store.OpenOptions{}); !bytes.Equal(b, young) {
					t.Errorf("stored %d bytes, %d of them old", len(b), len(b)-bytes.Count(b, []byte("y")))
				}
			})
		}
	}
}

// A file that never stands still is an error by name, and stops no other. Where files are known to live, it is sent as it was.
func TestNeverStandsStill(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	files(t, src, map[string]string{"a": "1", "log": string(storetest.Bytes(1 << 20)), "z": "2"})
	f, err := os.OpenFile(filepath.Join(src, "log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				if _, err := f.WriteString("line\n"); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	defer func() { close(stop); <-ended }()
	st, _ := s3Store(t)
	s, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{})
	if err == nil || !ferrysync.IsPerFile(err) || !strings.Contains(err.Error(), `"log"`) || s.Files != 2 || s.Failed != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "q", ferrysync.Options{Live: true}); err != nil || s.Files != 3 {
		t.Errorf("live: %+v, %v", s, err)
	}
}

// A file that changes while a download reads it is read again, whole.
func TestSourceChanges(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{100, 300_000, 9 << 20} {
		src, dst := t.TempDir(), t.TempDir()
		files(t, src, map[string]string{"p/x": string(storetest.Bytes(size))})
		young := bytes.Repeat([]byte("y"), int(size))
		st := &halfway{Store: dirStore(t, src), do: func() {
			if err := os.WriteFile(filepath.Join(src, "p/x"), young, 0o600); err != nil {
				t.Error(err)
			}
		}}
		_, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{})
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if b, err := os.ReadFile(filepath.Join(dst, "x")); err != nil || !bytes.Equal(b, young) {
			t.Errorf("%d bytes: got a mixture, %v", size, err)
		}
	}
}

// A halfway store does something once, after the first bytes of an object were read.
type halfway struct {
	store.Store
	do func()
}

func (h *halfway) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	r, err := h.Store.Open(ctx, key, o)
	if err == nil && h.do != nil {
		do := h.do
		h.do = nil
		r.ReadCloser = &halfRead{r.ReadCloser, do}
	}
	return r, err
}

type halfRead struct {
	io.ReadCloser
	do func()
}

func (h *halfRead) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p[:max(1, len(p)/2)])
	if h.do != nil {
		h.do()
		h.do = nil
	}
	return n, err
}

// A large file that begins while small ones have all slots still uses more than one, once they are gone.
func TestLargeAmongSmall(t *testing.T) {
	t.Parallel()
	st := &gated{Store: dirStore(t, t.TempDir()), small: make(chan struct{})}
	src := t.TempDir()
	content := map[string]string{"a": string(storetest.Bytes(1 << 20))}
	for _, n := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		content[n] = "x"
	}
	files(t, src, content)
	s, err := ferrysync.New(ferrysync.Config{MaxTransfers: 8}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{})
	if err != nil || s.Files != 8 {
		t.Errorf("%+v, %v", s, err)
	}
	if n := st.most.Load(); n < 4 {
		t.Errorf("%d parts at once", n)
	}
}

// A gated store takes a large file in parts, and lets small ones through only once the large one has begun.
type gated struct {
	store.Store
	small     chan struct{}
	now, most atomic.Int64
}

func (g *gated) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	if b.At == nil {
		<-g.small
		return store.Object{}, nil
	}
	if o.Slot == nil {
		return store.Object{}, errors.New("parts cannot ask for slots")
	}
	ended := make(chan error)
	all := make(chan struct{})
	for range o.Parallel {
		go func() {
			release, err := o.Slot(ctx)
			if err == nil {
				n := g.now.Add(1)
				if g.most.Store(max(g.most.Load(), n)); n == 1 {
					close(g.small) // the first part goes while small files have all other slots
				}
				if n == int64(o.Parallel) {
					close(all)
				}
				<-all
				release()
			}
			ended <- err
		}()
	}
	var err error
	for range o.Parallel {
		err = errors.Join(err, <-ended)
	}
	return store.Object{}, err
}
