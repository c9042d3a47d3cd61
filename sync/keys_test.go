package sync_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// A heap is a store that, unlike one made of files, holds any keys at all.
type heap struct {
	store.Store
	objects map[string]string
}

func (h heap) URL(key string) string { return "heap://" + key }

func (h heap) List(_ context.Context, prefix string) iter.Seq2[store.Object, error] {
	var keys []string
	for k := range h.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return func(yield func(store.Object, error) bool) {
		for _, k := range keys {
			if !yield(store.Object{Key: k, Size: int64(len(h.objects[k])), ModTime: time.Unix(1e9, 0), ETag: "x"}, nil) {
				return
			}
		}
	}
}

func (h heap) Open(_ context.Context, key string, _ store.OpenOptions) (*store.Reader, error) {
	return &store.Reader{ReadCloser: io.NopCloser(strings.NewReader(h.objects[key])), Object: store.Object{Key: key, Size: int64(len(h.objects[key])), ETag: "x"}}, nil
}

// Keys that cannot be files are refused by name; the others come all the same, and nothing is written outside.
func TestKeysRefused(t *testing.T) {
	bad := []string{"../out", "a/../../out", "a/..", ".", "x//y", "/abs", "//abs", "nul\x00", "f/g", "f/g/h", "f/", "link/out", strings.Repeat("n", 256), "content/"}
	good := map[string]string{"a/b": "1", "f": "2", "f.txt": "3", "f0/g": "4", "..a": "5", "a/...": "6", "%2e%2e/b": "7", "sp ace/*": "8", "new\nline": "9", "control\x01": "10"}
	h := heap{objects: map[string]string{"other": "no", "inn": "no"}}
	for k, v := range good {
		h.objects["in/"+k] = v
	}
	for _, k := range bad {
		h.objects["in/"+k] = "bad"
	}
	dir := t.TempDir()
	dst := dir + "/dst"
	if err := os.MkdirAll(dir+"/outside", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../outside", dst+"/link"); err != nil {
		t.Fatal(err)
	}
	var ev events
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), h, "in", openRoot(t, dst), ferrysync.Options{Event: ev.add, Delete: true})
	if !errors.Is(err, ferrysync.ErrRefused) || s.Refused != int64(len(bad)) || s.Files != int64(len(good)) || s.Failed != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	refused := ev.paths(ferrysync.OpRefuse)
	slices.Sort(refused)
	slices.Sort(bad)
	if !slices.Equal(refused, bad) {
		t.Errorf("refused %q\nwant    %q", refused, bad)
	}
	if err := os.Remove(dst + "/link"); err != nil {
		t.Fatal(err)
	}
	sameTree(t, readTree(t, dir), func() map[string]string {
		want := map[string]string{"outside/": ""}
		for k, v := range good {
			want["dst/"+k] = v
		}
		return want
	}())
}

// An object over a symlink replaces the link and writes nothing through it.
func TestLinkIsReplaced(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, map[string]string{"outside": "old", "dst/": ""})
	if err := os.Symlink("../outside", dir+"/dst/f"); err != nil {
		t.Fatal(err)
	}
	h := heap{objects: map[string]string{"f": "new"}}
	if _, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), h, "", openRoot(t, dir+"/dst"), ferrysync.Options{}); err != nil {
		t.Fatal(err)
	}
	sameTree(t, readTree(t, dir), map[string]string{"outside": "old", "dst/f": "new"})
}

func TestSymlinksUp(t *testing.T) {
	st := dirStore(t, t.TempDir())
	src := t.TempDir()
	files(t, src, map[string]string{"real/a": "A", "f": "F", "bad\xff": "x"})
	for name, to := range map[string]string{
		"in": "f", "dirlink": "real", "real/back": "../f", "real/loop": "..", "self": "self", "gone": "nowhere", "out": "/etc/passwd", "up": "../x", "outdir": "/etc",
	} {
		if err := os.Symlink(to, src+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	var ev events
	e := ferrysync.New(ferrysync.Config{})
	s, err := e.Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{Event: ev.add})
	refused := ev.paths(ferrysync.OpRefuse)
	slices.Sort(refused)
	if want := []string{"bad\xff", "dirlink/loop/", "gone", "out", "outdir", "real/loop/", "self", "up"}; !unstorable(err) || !slices.Equal(refused, want) || s.Refused != int64(len(want)) {
		t.Errorf("%+v, %v, refused %q", s, err, refused)
	}
	sent := ev.paths(ferrysync.OpUpload)
	slices.Sort(sent)
	if want := []string{"dirlink/a", "dirlink/back", "f", "in", "real/a", "real/back"}; !slices.Equal(sent, want) {
		t.Errorf("sent %q", sent)
	}
	ev.all = nil
	if s, err = e.Up(t.Context(), openRoot(t, src), st, "q", ferrysync.Options{Event: ev.add, NoFollow: true}); !unstorable(err) || s.Files != 2 || s.Refused != 1 {
		t.Errorf("not following: %+v, %v, %q", s, err, ev.paths(ferrysync.OpUpload))
	}
}

// unstorable says whether err is that of files whose names no store takes, and of nothing else.
func unstorable(err error) bool {
	return ferrysync.IsPerFile(err) && errors.Is(err, ferrysync.ErrRefused) && strings.Contains(err.Error(), "UTF-8")
}

func TestCompareRules(t *testing.T) {
	when := time.Unix(1e9, 0)
	h := heap{objects: map[string]string{"f": "new"}}
	for _, c := range []struct {
		name    string
		content string
		age     time.Duration
		o       ferrysync.Options
		want    int64
	}{
		{"older and same size", "old", -time.Hour, ferrysync.Options{}, 0},
		{"newer and same size", "old", time.Hour, ferrysync.Options{}, 1},
		{"other size", "older", -time.Hour, ferrysync.Options{}, 1},
		{"older, exact", "old", -time.Hour, ferrysync.Options{ExactTimestamps: true}, 1},
		{"same time, exact", "old", 0, ferrysync.Options{ExactTimestamps: true}, 0},
		{"newer, size only", "old", time.Hour, ferrysync.Options{SizeOnly: true}, 0},
		{"other size, size only", "older", 0, ferrysync.Options{SizeOnly: true}, 1},
		{"excluded", "older", 0, ferrysync.Options{Filters: []ferrysync.Filter{{Pattern: "f"}}}, 0},
	} {
		dst := t.TempDir()
		files(t, dst, map[string]string{"f": c.content})
		at := when.Add(c.age)
		if err := os.Chtimes(dst+"/f", at, at); err != nil {
			t.Fatal(err)
		}
		s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), h, "", openRoot(t, dst), c.o)
		if err != nil || s.Files != c.want {
			t.Errorf("%s: %+v, %v", c.name, s, err)
		}
	}
}
