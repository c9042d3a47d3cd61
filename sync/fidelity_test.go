package sync_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

var preserve = ferrysync.Options{Preserve: true}

// again downloads the prefix once more, and gives the paths that came.
func again(t *testing.T, st store.Store, dst string) []string {
	t.Helper()
	var seen events
	o := preserve
	o.Event = seen.add
	if s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), o); err != nil {
		t.Errorf("%+v, %v", s, err)
	}
	return seen.paths(ferrysync.OpDownload)
}

func put(t *testing.T, st store.Store, key, content string, meta store.Meta) {
	t.Helper()
	if _, err := st.Put(t.Context(), key, store.Body{Bytes: []byte(content)}, store.PutOptions{Meta: meta}); err != nil {
		t.Fatal(err)
	}
}

// A file system may keep times in whole seconds. A file there is not changed for that.
func TestWholeSeconds(t *testing.T) {
	t.Parallel()
	st, _ := s3Store(t)
	at := time.Date(2001, 2, 3, 4, 5, 6, 789_123_456, time.UTC)
	for _, name := range []string{"second", "two", "milli", "micro", "other"} {
		put(t, st, "p/"+name, "content", store.FileMeta(0o444, at))
	}
	dst := t.TempDir()
	again(t, st, dst)
	for name, shown := range map[string]time.Time{
		"second": at.Truncate(time.Second), "two": at.Truncate(2 * time.Second), "milli": at.Truncate(time.Millisecond), "micro": at.Truncate(time.Microsecond),
		"other": at.Add(-time.Millisecond),
	} {
		if err := os.Chtimes(filepath.Join(dst, name), shown, shown); err != nil {
			t.Fatal(err)
		}
	}
	if got := again(t, st, dst); len(got) != 1 || got[0] != "other" {
		t.Errorf("came again: %q", got)
	}
}

// Where a file system keeps no marks, an object that was replaced by one of the same size is still noticed, though the file's time is
// older than either.
func TestReplacedWithoutMarks(t *testing.T) {
	st, _ := s3Store(t)
	old := store.FileMeta(0o444, time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC))
	put(t, st, "p/x", "content 1", old)
	put(t, st, "p/y", "content 1", old)
	dst := t.TempDir()
	testenv.Require(t, syscall.Mount("ferry-test", dst, "ramfs", 0, "") == nil, "mounting a file system without attributes needs root")
	t.Cleanup(func() { _ = syscall.Unmount(dst, syscall.MNT_DETACH) })
	again(t, st, dst)
	time.Sleep(1100 * time.Millisecond) // listings have whole seconds
	put(t, st, "p/x", "content 2", old)
	if got := again(t, st, dst); len(got) != 1 || got[0] != "x" {
		t.Errorf("came: %q", got)
	}
	time.Sleep(1100 * time.Millisecond)
	if got := again(t, st, dst); len(got) != 0 {
		t.Errorf("came again: %q", got)
	}
}

// The marker of a directory that was empty once does not stand in the way of a file of its name.
func TestMarkerBesideFile(t *testing.T) {
	content := map[string]string{"p/out": "content", "p/out/": ""}
	dst := t.TempDir()
	if got := again(t, heap{objects: content}, dst); len(got) != 1 || got[0] != "out" {
		t.Errorf("came: %q", got)
	}
	sameTree(t, readTree(t, dst), map[string]string{"out": "content"})
}

// A file that others may not read is nobody else's while it comes down, either.
func TestPrivateWhileItComes(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	files(t, src, map[string]string{"p/x": strings.Repeat("secret", 100_000)})
	if err := os.Chmod(filepath.Join(src, "p/x"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := false
	st := &halfway{Store: dirStore(t, src), do: func() {}}
	st.do = func() {
		parts, err := filepath.Glob(filepath.Join(dst, ".ferry-part-*"))
		if err != nil {
			t.Error(err)
		}
		for _, p := range parts {
			info, err := os.Stat(p)
			if seen = true; err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		}
	}
	if s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), preserve); err != nil || !seen {
		t.Errorf("%+v, %v; seen %v", s, err, seen)
	}
}

// A directory that cannot be read is told, unless the filters leave out all that it may hold.
func TestFiltersAndUnreadableDirectories(t *testing.T) {
	src := t.TempDir()
	files(t, src, map[string]string{"a.txt": "1", "private/b.txt": "2"})
	if err := os.Chmod(filepath.Join(src, "private"), 0); err != nil {
		t.Fatal(err)
	}
	st := dirStore(t, t.TempDir())
	for _, c := range []struct {
		filters []ferrysync.Filter
		told    bool
	}{
		{nil, true},
		{[]ferrysync.Filter{{Pattern: "*"}, {Include: true, Pattern: "*.txt"}}, true},
		{[]ferrysync.Filter{{Pattern: "*"}, {Include: true, Pattern: "private/b*"}}, true},
		{[]ferrysync.Filter{{Pattern: "*"}, {Include: true, Pattern: "a.txt"}}, false},
		{[]ferrysync.Filter{{Pattern: "private/*"}}, false},
		{[]ferrysync.Filter{{Pattern: "*.tmp"}}, true},
	} {
		unprivileged(t, func() {
			s, err := ferrysync.New(ferrysync.Config{}).Up(context.Background(), openRoot(t, src), st, "p", ferrysync.Options{Filters: c.filters})
			if told := err != nil && strings.Contains(err.Error(), "private"); told != c.told || (s.Failed == 1) != c.told {
				t.Errorf("%+v: %+v, %v", c.filters, s, err)
			}
		})
	}
}
