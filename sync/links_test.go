package sync_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// Links are followed as whoever made them means them, as far as they lead to the job's own directories: a module knows its job's
// directories by other paths than ferry. All others are refused, and nothing of them is read.
func TestLinksWithin(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, map[string]string{
		"jobs/1/file": "own", "jobs/1/sub/inner": "inner", "in/input": "input", "in/deep/x": "deep", "other/secret": "no", "jobs/2/secret": "no",
	})
	for link, target := range map[string]string{
		"absolute": "/jobs/1/file", "relative": "sub/inner", "input": "/in/input", "up": "../../in/input", "dir": "/in/deep", "chain": "/jobs/1/input",
		"through": "/jobs/1/dir/x", "sub/back": "/jobs/1/file", "itself": "/jobs/1/.", "dots": "/jobs/1/sub/../file",
		"outside": "/etc/passwd", "other": "/other/secret", "job": "/jobs/2/secret", "climb": "../2/secret", "climbs": "/in/../jobs/2/secret", "nowhere": "/jobs/1/nothing",
		"circle": "/jobs/1/circle", "parent": "/jobs",
	} {
		if err := os.Symlink(target, filepath.Join(dir, "jobs/1", link)); err != nil {
			t.Fatal(err)
		}
	}
	root := openRoot(t, dir)
	links := &ferrysync.Links{Self: "/jobs/1", Places: []ferrysync.Place{{Path: "/jobs/1", Root: root, Name: "jobs/1"}, {Path: "/in", Root: root, Name: "in"}}}
	st := dirStore(t, t.TempDir())
	var seen events
	e := ferrysync.New(ferrysync.Config{})
	s, err := e.Up(t.Context(), openRoot(t, dir+"/jobs/1"), st, "p", ferrysync.Options{Links: links, Event: seen.add})
	if err != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	got := map[string]string{}
	for _, key := range storetest.List(t, st, "") {
		b, err := os.ReadFile(strings.TrimPrefix(st.URL(key), "file://"))
		if err != nil {
			t.Fatal(err)
		}
		got[key[2:]] = string(b)
	}
	sameTree(t, got, map[string]string{
		"file": "own", "sub/inner": "inner", "absolute": "own", "relative": "inner", "input": "input", "up": "input", "dir/x": "deep", "chain": "input", "through": "deep",
		"sub/back": "own", "dots": "own",
	})
	refused := seen.paths(ferrysync.OpRefuse)
	slices.Sort(refused)
	if want := []string{"circle", "climb", "climbs", "itself/", "job", "nowhere", "other", "outside", "parent"}; !slices.Equal(refused, want) {
		t.Errorf("refused %q, want %q", refused, want)
	}
	snap, err := e.Take(t.Context(), openRoot(t, dir+"/jobs/1"), ferrysync.Options{Links: links})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = e.Up(t.Context(), openRoot(t, dir+"/jobs/1"), st, "p", ferrysync.Options{Links: links, Since: snap}); err != nil || s.Files != 0 {
		t.Errorf("unchanged: %+v, %v", s, err)
	}
}

// A file with content whose name no store takes is an error, and stops no other. What has no content is not.
func TestUnstorableNames(t *testing.T) {
	src := t.TempDir()
	long := strings.Repeat("d/", 400) + strings.Repeat("n", 250)
	files(t, src, map[string]string{"good": "1", "bad\xff": "2", long: "3"})
	if err := os.Mkdir(filepath.Join(src, "empty\xff"), 0o755); err != nil {
		t.Fatal(err)
	}
	var seen events
	s, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), dirStore(t, t.TempDir()), "p", ferrysync.Options{Preserve: true, Event: seen.add})
	if !ferrysync.IsPerFile(err) || !errors.Is(err, ferrysync.ErrRefused) || s.Files != 1 || s.Refused != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	if err != nil && (!strings.Contains(err.Error(), `"bad\xff"`) || !strings.Contains(err.Error(), `dddd`) && !strings.Contains(err.Error(), "nnnn") || strings.Contains(err.Error(), "empty")) {
		t.Errorf("%v", err)
	}
}
