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
	defer func() { _ = f.Close() }() // what is in it does not matter
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

// A file that changes each time that it is read leaves no mixture in the store, and no upload that is never ended.
func TestNothingTorn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, kind  string
		size, after int64
	}{{"one request", "s3", 3 << 20, 4 << 20}, {"parts", "s3", 12 << 20, 15 << 20}, {"directory", "dir", 1 << 20, 1 << 19}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := t.TempDir()
			files(t, src, map[string]string{"x": string(storetest.Bytes(c.size))})
			var st store.Store
			if c.kind == "s3" {
				st, _ = s3Store(t)
			} else {
				st = dirStore(t, t.TempDir())
			}
			w := &restless{watcher{Store: st}, c.after}
			n := byte('a')
			w.do = func() {
				n++
				if err := os.WriteFile(filepath.Join(src, "x"), bytes.Repeat([]byte{n}, int(c.size)), 0o600); err != nil {
					t.Error(err)
				}
			}
			s, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), w, "p", ferrysync.Options{})
			if err == nil || !strings.Contains(err.Error(), `"x"`) || s.Failed != 1 || n < 'd' {
				t.Errorf("%+v, %v, changed %d times", s, err, n-'a')
			}
			if keys := storetest.List(t, st, "p/x"); len(keys) > 0 {
				t.Errorf("stored %q", keys)
			}
			if sw, ok := st.(store.Sweeper); ok {
				for up, err := range sw.Unfinished(t.Context(), "p/") {
					t.Errorf("left open: %+v, %v", up, err)
				}
			}
		})
	}
}

// A restless watcher does it in each Put.
type restless struct {
	watcher
	after int64
}

func (r *restless) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	r.left.Store(r.after)
	return r.watcher.Put(ctx, key, b, o)
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
	src := t.TempDir()
	content := map[string]string{"a": string(storetest.Bytes(1 << 20))}
	for _, n := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		content[n] = "x"
	}
	files(t, src, content)
	for _, way := range []string{"up", "copy"} {
		st := &gated{Store: dirStore(t, t.TempDir()), small: make(chan struct{})}
		e := ferrysync.New(ferrysync.Config{MaxTransfers: 8})
		var s ferrysync.Stats
		var err error
		if way == "up" {
			s, err = e.Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{})
		} else {
			s, err = e.Copy(t.Context(), dirStore(t, src), "", st, "p", ferrysync.Options{})
		}
		if err != nil || s.Files != 8 {
			t.Errorf("%s: %+v, %v", way, s, err)
		}
		if n := st.most.Load(); n < 4 {
			t.Errorf("%s: %d parts at once", way, n)
		}
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
	return store.Object{}, g.parts(ctx, o.Parallel, o.Slot)
}

// CopyFrom is Put of a copy.
func (g *gated) CopyFrom(ctx context.Context, _ store.Store, o store.Object, _ string, c store.CopyOptions) (store.Object, error) {
	if o.Size < 1<<20 {
		<-g.small
		return o, nil
	}
	if c.Slot == nil {
		return o, errors.New("parts cannot ask for slots")
	}
	return o, g.parts(ctx, c.Parallel, c.Slot)
}

// parts takes as many slots as there may be parts at once, and gives them back when it has all.
func (g *gated) parts(ctx context.Context, parallel int, slot func(context.Context) (func(), error)) error {
	ended := make(chan error)
	all := make(chan struct{})
	for range parallel {
		go func() {
			release, err := slot(ctx)
			if err == nil {
				n := g.now.Add(1)
				if g.most.Store(max(g.most.Load(), n)); n == 1 {
					close(g.small) // the first part goes while small files have all other slots
				}
				if n == int64(parallel) {
					close(all)
				}
				<-all
				release()
			}
			ended <- err
		}()
	}
	var err error
	for range parallel {
		err = errors.Join(err, <-ended)
	}
	return err
}
