package sync_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// One named object is one GET: no listing, no HEAD. It keeps its attributes, and it is counted and told like any other.
func TestDownFile(t *testing.T) {
	p, st := faulty(t, nil)
	when := time.Date(2001, 2, 3, 4, 5, 6, 789000000, time.UTC)
	content := storetest.Bytes(300_000)
	if _, err := st.Put(t.Context(), "in/dir/data", store.Body{Bytes: content}, store.PutOptions{Meta: store.FileMeta(0o750, when)}); err != nil {
		t.Fatal(err)
	}
	before := len(p.Requests())
	dst := t.TempDir()
	var got events
	var progress ferrysync.Progress
	s, err := ferrysync.New(ferrysync.Config{}).DownFile(t.Context(), st, "in/dir/data", openRoot(t, dst), "a/b/other", ferrysync.Options{Preserve: true, Event: got.add, Progress: &progress})
	want := ferrysync.Stats{Files: 1, Bytes: 300_000, Listed: 1, Requests: 1, Verified: map[string]int64{"crc64nvme": 1}}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, %v; want %+v", s, err, want)
	}
	var kinds []string
	for _, r := range p.Requests()[before:] {
		kinds = append(kinds, r.Kind)
	}
	if !slices.Equal(kinds, []string{"GetObject"}) {
		t.Errorf("asked for %q", kinds)
	}
	sameTree(t, readTree(t, dst), map[string]string{"a/b/other": string(content)})
	if info, err := os.Stat(filepath.Join(dst, "a/b/other")); err != nil || info.Mode().Perm() != 0o750 || !info.ModTime().Equal(when) {
		t.Errorf("%v, %v", info, err)
	}
	if len(got.all) != 1 || got.all[0].Op != ferrysync.OpDownload || got.all[0].Key != "in/dir/data" || got.all[0].Path != "a/b/other" || got.all[0].Size != 300_000 {
		t.Errorf("told %+v", got.all)
	}
	if progress.Files.Load() != 1 || progress.DoneFiles.Load() != 1 || progress.DoneBytes.Load() != 300_000 || !progress.Complete.Load() {
		t.Errorf("progress: %d, %d, %d", progress.Files.Load(), progress.DoneFiles.Load(), progress.DoneBytes.Load())
	}
}

// What is no object is store.ErrNotExist in either store, also where the key is a directory's, and leaves nothing behind.
func TestDownFileOfNothing(t *testing.T) {
	bothStores(t, func(t *testing.T, st store.Store) {
		if _, err := st.Put(t.Context(), "in/dir/data", store.Body{Bytes: []byte("x")}, store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"in", "in/dir", "in/dir/", "in/dir/dat", "in/dir/data/more", "none"} {
			dst := t.TempDir()
			var got events
			s, err := ferrysync.New(ferrysync.Config{}).DownFile(t.Context(), st, key, openRoot(t, dst), "sub/file", ferrysync.Options{Event: got.add})
			if !errors.Is(err, store.ErrNotExist) || !ferrysync.IsPerFile(err) || s.Failed != 1 || s.Files != 0 || s.Requests != 1 {
				t.Errorf("%q: %+v, %v", key, s, err)
			}
			if len(got.all) != 1 || got.all[0].Op != ferrysync.OpFail || !errors.Is(got.all[0].Err, store.ErrNotExist) {
				t.Errorf("%q: told %+v", key, got.all)
			}
			sameTree(t, readTree(t, dst), map[string]string{})
		}
	})
}

// An object that is cut off is resumed, one that is not answered is asked for again, and one that is denied leaves nothing.
func TestDownFileFaults(t *testing.T) {
	p, st := faulty(t, map[string]string{"k": strings.Repeat("content ", 40_000)})
	get := func() (string, ferrysync.Stats, error) {
		dst := t.TempDir()
		s, err := ferrysync.New(ferrysync.Config{}).DownFile(t.Context(), st, "p/k", openRoot(t, dst), "k", ferrysync.Options{})
		return readTree(t, dst)["k"], s, err
	}
	for name, c := range map[string]struct {
		rule testenv.Rule
		ok   bool
	}{
		"cut":        {testenv.Rule{Kind: "GetObject", Times: 1, Fault: testenv.Fault{Cut: 100_000}}, true},
		"unanswered": {testenv.Rule{Kind: "GetObject", Times: 1, Fault: testenv.Fault{Status: 500}}, true},
		"denied":     {testenv.Rule{Kind: "GetObject", Fault: testenv.Fault{Status: 403}}, false},
	} {
		p.Clear()
		p.Add(c.rule)
		got, s, err := get()
		if c.ok && (err != nil || len(got) != 320_000 || s.Retries != 1 || s.Files != 1) || !c.ok && (err == nil || got != "" || s.Failed != 1) {
			t.Errorf("%s: %d bytes, %+v, %v", name, len(got), s, err)
		}
	}
}
