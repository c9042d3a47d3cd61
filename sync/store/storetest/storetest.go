package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// A Suite says how to make a store, and what it cannot do by its nature.
type Suite struct {
	// Kind is the store's. What it says it cannot do must be refused as such, and is not tested otherwise.
	Kind store.Kind
	// Filler is what puts objects into a store that cannot write. nil is the store itself.
	Filler func(st store.Store) store.Store
	// New makes a store that holds nothing.
	New func(t *testing.T) store.Store
	// PartSize is the size above which the store sends an object in parts, 0 where it never does.
	PartSize int64
	// Denying makes a store of which deny makes an object unreadable to whom the store is made for, which the listing does
	// not tell. nil where another run of the suite has shown what then happens.
	Denying func(t *testing.T) (st store.Store, deny func(key string))
	// Directories says that directories are real: each is an object of its key with a slash, whoever made it.
	Directories bool
	// Without names keys that the store cannot hold by its nature; it must refuse them, and the suite checks that.
	Without []string
}

// Run runs it.
func (s Suite) Run(t *testing.T) {
	can := s.Kind.Can
	for _, part := range []struct {
		name string
		on   bool
		run  func(*testing.T)
	}{
		{"Kind", true, s.kind},
		{"Sizes", true, s.sizes},
		{"Bodies", can.Write && can.List, s.bodies},
		{"Keys", can == store.Everything, s.keys},
		{"Prefix", can.List, s.prefix},
		{"Pages", can.List, s.pages},
		{"Meta", can.Write && can.List, s.meta},
		{"Ranges", true, s.ranges},
		{"Replaced", true, s.replaced},
		{"Missing", true, s.missing},
		{"Denied", s.Denying != nil, s.denied},
		{"Delete", can.Delete && can.List, s.remove},
		{"Stop", true, s.stop},
		{"Unsupported", can != store.Everything, s.unsupported},
	} {
		if part.on {
			t.Run(part.name, part.run)
		}
	}
}

// filler is what objects are put with.
func (s Suite) filler(st store.Store) store.Store {
	if s.Filler == nil {
		return st
	}
	return s.Filler(st)
}

// Bytes is n bytes that differ from place to place.
func Bytes(n int64) []byte {
	b := make([]byte, n)
	x := uint32(n)*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

func (s Suite) put(t *testing.T, st store.Store, key string, b []byte) store.Object {
	t.Helper()
	o, err := s.filler(st).Put(t.Context(), key, store.Body{Bytes: b}, store.PutOptions{})
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	return o
}

// Get reads an object whole, and verifies it where there is a checksum.
func Get(t testing.TB, st store.Store, key string, o store.OpenOptions) (*store.Reader, []byte) {
	t.Helper()
	r, err := st.Open(t.Context(), key, o)
	if err != nil {
		t.Fatalf("Open(%q): %v", key, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading %q: %v", key, err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing %q: %v", key, err)
	}
	if o.Len == 0 && o.Off == 0 && r.Sum.Algorithm != checksum.None && checksum.Of(r.Sum.Algorithm, b) != r.Sum {
		t.Errorf("%q does not match its checksum", key)
	}
	return r, b
}

// List lists keys.
func List(t testing.TB, st store.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range st.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func (s Suite) sizes(t *testing.T) {
	st := s.New(t)
	sizes := []int64{0, 1, 65535, 65536, 65537}
	if s.PartSize > 0 {
		sizes = append(sizes, s.PartSize-1, s.PartSize, s.PartSize+1, 2*s.PartSize+12345)
	}
	for _, n := range sizes {
		for _, at := range []bool{false, true} {
			key, b := fmt.Sprintf("sizes/%d-%v", n, at), Bytes(n)
			body := store.Body{Bytes: b}
			if at {
				body = store.Body{At: bytes.NewReader(b), Size: n}
			}
			var sent int64
			c := make(chan int64, 1e5)
			o, err := s.filler(st).Put(t.Context(), key, body, store.PutOptions{Parallel: 3, Sent: func(n int64) { c <- n }})
			if err != nil {
				t.Fatalf("Put of %d bytes: %v", n, err)
			}
			close(c)
			for n := range c {
				sent += n
			}
			if o.Size != n || sent != n {
				t.Errorf("Put of %d bytes says %d, sent %d", n, o.Size, sent)
			}
			r, got := Get(t, st, key, store.OpenOptions{})
			if !bytes.Equal(got, b) || r.Size != n {
				t.Errorf("%q: got %d bytes of %d, or others; size %d", key, len(got), n, r.Size)
			}
			if s.Kind.Can.Write && o.ETag != "" && r.ETag != o.ETag {
				t.Errorf("%q: tag %q when put, %q when read", key, o.ETag, r.ETag)
			}
		}
	}
	if !s.Kind.Can.List {
		return
	}
	for o, err := range st.List(t.Context(), "sizes/") {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("sizes/%d-", o.Size); !strings.HasPrefix(o.Key, want) {
			t.Errorf("%q is listed with size %d", o.Key, o.Size)
		}
		if d := time.Since(o.ModTime); d < -time.Hour || d > time.Hour {
			t.Errorf("%q is listed with time %v", o.Key, o.ModTime)
		}
	}
}

func (s Suite) meta(t *testing.T) {
	st := s.New(t)
	when := time.Date(2001, 2, 3, 4, 5, 6, 789000000, time.UTC)
	m := store.FileMeta(0o750, when)
	if _, err := st.Put(t.Context(), "f", store.Body{Bytes: []byte("x")}, store.PutOptions{Meta: m}); err != nil {
		t.Fatal(err)
	}
	r, _ := Get(t, st, "f", store.OpenOptions{})
	if got, ok := r.Meta.ModTime(); !ok || !got.Equal(when) {
		t.Errorf("time %v, %v", got, ok)
	}
	if got, ok := r.Meta.Perm(); !ok || got != 0o750 {
		t.Errorf("permissions %v, %v", got, ok)
	}
	m = store.FileMeta(0o750|1<<31, when)
	if _, err := st.Put(t.Context(), "empty/", store.Body{}, store.PutOptions{Meta: m}); err != nil {
		t.Fatal(err)
	}
	if got := List(t, st, ""); !slices.Equal(got, []string{"empty/", "f"}) {
		t.Errorf("listed %q", got)
	}
	r, b := Get(t, st, "empty/", store.OpenOptions{})
	if got, ok := r.Meta.Perm(); !ok || got != 0o750 || len(b) != 0 || r.Size != 0 {
		t.Errorf("directory: permissions %v, %v, %d bytes", got, ok, len(b))
	}
}

func (s Suite) ranges(t *testing.T) {
	st := s.New(t)
	b := Bytes(1000)
	s.put(t, st, "r", b)
	for _, c := range [][2]int64{{0, 1}, {0, 1000}, {999, 1}, {500, 0}, {10, 20}} {
		r, got := Get(t, st, "r", store.OpenOptions{Off: c[0], Len: c[1]})
		end := c[0] + c[1]
		if c[1] == 0 {
			end = 1000
		}
		if !bytes.Equal(got, b[c[0]:end]) || r.Size != 1000 {
			t.Errorf("range %v: %d bytes, size %d", c, len(got), r.Size)
		}
	}
	r, err := st.Open(t.Context(), "r", store.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing early: %v", err)
	}
}

func (s Suite) replaced(t *testing.T) {
	st := s.New(t)
	s.put(t, st, "c", []byte("old content"))
	r, _ := Get(t, st, "c", store.OpenOptions{})
	if r.ETag == "" {
		t.Fatal("no tag")
	}
	Get(t, st, "c", store.OpenOptions{ETag: r.ETag})
	s.put(t, st, "c", []byte("new"))
	if _, err := st.Open(t.Context(), "c", store.OpenOptions{ETag: r.ETag}); !errors.Is(err, store.ErrChanged) {
		t.Errorf("reading a replaced object: %v", err)
	}
	if _, b := Get(t, st, "c", store.OpenOptions{}); string(b) != "new" {
		t.Errorf("got %q", b)
	}
}

func (s Suite) missing(t *testing.T) {
	st := s.New(t)
	s.put(t, st, "here", nil)
	s.put(t, st, "above/below/object", []byte("x"))
	// The name of a directory, with its slash or without, is no object where no one was put there.
	for _, k := range []string{"nowhere", "a/b", "here2", "here/", "here/x", "above", "above/below", "above/below/", "above/below/obj"} {
		if s.Directories && k == "above/below/" {
			continue
		}
		_, err := st.Open(t.Context(), k, store.OpenOptions{})
		if !errors.Is(err, store.ErrNotExist) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%q): %v", k, err)
		}
	}
}

// denied has the second of three objects refused: the others are as they were, and the error says which and why.
func (s Suite) denied(t *testing.T) {
	st, deny := s.Denying(t)
	keys := []string{"p/a", "p/b", "p/c"}
	for _, k := range keys {
		s.put(t, st, k, []byte(k))
	}
	deny(keys[1])
	if got := List(t, st, "p/"); !slices.Equal(got, keys) {
		t.Errorf("listed: %q", got)
	}
	for i, k := range keys {
		if i != 1 {
			if _, got := Get(t, st, k, store.OpenOptions{}); string(got) != k {
				t.Errorf("%q holds %q", k, got)
			}
			continue
		}
		r, err := st.Open(t.Context(), k, store.OpenOptions{})
		if err == nil {
			r.Close()
		}
		if !errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrNotExist) || !strings.Contains(err.Error(), k) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%q): %v", k, err)
		}
		s.hinted(t, store.ErrDenied, err)
	}
}

func (s Suite) remove(t *testing.T) {
	st := s.New(t)
	for _, k := range []string{"a", "b", "c/d"} {
		s.put(t, st, k, nil)
	}
	if err := st.Delete(t.Context(), []string{"a", "missing", "c/d"}); err != nil {
		t.Error(err)
	}
	got := List(t, st, "")
	if !slices.Contains(got, "b") || slices.Contains(got, "a") || slices.Contains(got, "c/d") {
		t.Errorf("left: %q", got)
	}
}

func (s Suite) stop(t *testing.T) {
	st := s.New(t)
	s.put(t, st, "a", []byte("x"))
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("told to stop")
	cancel(why)
	if s.Kind.Can.List {
		var failed error
		for _, err := range st.List(ctx, "") {
			failed = err
		}
		if !errors.Is(failed, why) {
			t.Errorf("List: %v", failed)
		}
	}
	if r, err := st.Open(ctx, "a", store.OpenOptions{}); err == nil {
		if _, err := io.ReadAll(r); !errors.Is(err, why) {
			t.Errorf("reading: %v", err)
		}
		r.Close()
	} else if !errors.Is(err, why) {
		t.Errorf("Open: %v", err)
	}
	if !s.Kind.Can.Write {
		return
	}
	if _, err := st.Put(ctx, "b", store.Body{Bytes: []byte("y")}, store.PutOptions{}); !errors.Is(err, why) {
		t.Errorf("Put: %v", err)
	}
}
