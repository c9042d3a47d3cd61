package sync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A buggy store panics where it is told to.
type buggy struct {
	store.Store
	in string
}

func (b *buggy) at(place string) {
	if b.in == place {
		panic("bug in " + place)
	}
}

func (b *buggy) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for o, err := range b.Store.List(ctx, prefix) {
			if !yield(o, err) {
				return
			}
			b.at("listing")
		}
	}
}

func (b *buggy) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	b.at("opening")
	if o.Len > 0 {
		b.at("opening a range")
	}
	r, err := b.Store.Open(ctx, key, o)
	if err == nil {
		r.ReadCloser = &buggyReader{r.ReadCloser, b}
	}
	return r, err
}

type buggyReader struct {
	io.ReadCloser
	b *buggy
}

func (r *buggyReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.b.at("reading")
	return n, err
}

func (b *buggy) Put(ctx context.Context, key string, body store.Body, o store.PutOptions) (store.Object, error) {
	b.at("writing")
	return b.Store.Put(ctx, key, body, o)
}

func (b *buggy) Delete(ctx context.Context, keys []string) error {
	b.at("deleting")
	return b.Store.Delete(ctx, keys)
}

// A bug ends a transfer, and neither the process nor the engine.
func TestPanics(t *testing.T) {
	st := &buggy{Store: dirStore(t, t.TempDir())}
	src := t.TempDir()
	want := map[string]string{"large": string(storetest.Bytes(6 << 20)), "middle": string(storetest.Bytes(300_000))}
	for i := range 300 {
		want[fmt.Sprint("f", i)] = "x"
	}
	files(t, src, want)
	e, root := ferrysync.New(ferrysync.Config{MaxTransfers: 8}), openRoot(t, src)
	if _, err := e.Up(t.Context(), root, st, "p", ferrysync.Options{}); err != nil {
		t.Fatal(err)
	}
	snap, err := e.Take(t.Context(), openRoot(t, t.TempDir()), ferrysync.Options{})
	if err != nil {
		t.Fatal(err)
	}
	told := func(e ferrysync.Event) {
		if e.Op == ferrysync.OpDownload {
			panic("bug in telling")
		}
	}
	dst := t.TempDir()
	for _, c := range []struct {
		in string
		do func() (ferrysync.Stats, error)
	}{
		{"listing", func() (ferrysync.Stats, error) {
			return e.Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Delete: true})
		}},
		{"listing", func() (ferrysync.Stats, error) {
			return e.Up(t.Context(), root, st, "p", ferrysync.Options{Delete: true})
		}},
		{"opening", func() (ferrysync.Stats, error) {
			return e.Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Delete: true})
		}},
		{"opening a range", func() (ferrysync.Stats, error) {
			return e.Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Filters: []ferrysync.Filter{{Pattern: "[fm]*"}}})
		}},
		{"reading", func() (ferrysync.Stats, error) {
			return e.Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Filters: []ferrysync.Filter{{Pattern: "f*"}}})
		}},
		{"opening", func() (ferrysync.Stats, error) {
			return e.DownFile(t.Context(), st, "p/large", openRoot(t, dst), "large", ferrysync.Options{})
		}},
		{"telling", func() (ferrysync.Stats, error) {
			return e.Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Event: told})
		}},
		{"writing", func() (ferrysync.Stats, error) {
			return e.Up(t.Context(), root, st, "q", ferrysync.Options{Since: snap})
		}},
		{"writing", func() (ferrysync.Stats, error) {
			return e.UpFile(t.Context(), root, "f1", st, "f1", ferrysync.Options{})
		}},
		{"deleting", func() (ferrysync.Stats, error) {
			return e.Up(t.Context(), openRoot(t, t.TempDir()), st, "p", ferrysync.Options{Delete: true})
		}},
	} {
		st.in = c.in
		_, err := c.do()
		var bug *cause.PanicError
		if !errors.As(err, &bug) || bug.Value != "bug in "+c.in || !strings.Contains(string(bug.Stack), "panic_test.go") || ferrysync.IsPerFile(err) {
			t.Errorf("%s: %v", c.in, err)
		}
		for name := range readTree(t, dst) {
			if strings.Contains(name, ".ferry") {
				t.Errorf("%s: %q stayed", c.in, name)
			}
		}
	}
	st.in = ""
	if _, err := e.Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{}); err != nil {
		t.Error(err)
	}
	sameTree(t, readTree(t, dst), want)
}
