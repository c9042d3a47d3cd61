package sync_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// bothStores runs a test on each kind of store.
func bothStores(t *testing.T, f func(t *testing.T, st store.Store)) {
	t.Run("s3", func(t *testing.T) { st, _ := s3Store(t); f(t, st) })
	t.Run("dir", func(t *testing.T) { f(t, dirStore(t, t.TempDir())) })
}

func s3Store(t testing.TB) (*s3.Store, *testenv.Server) {
	srv := testenv.S3(t)
	return s3At(srv), srv
}

func s3At(srv *testenv.Server) *s3.Store { return s3Trying(srv, 0) }

// s3Trying is s3At with a number of tries for each request.
func s3Trying(srv *testenv.Server, tries int) *s3.Store {
	return s3.New(aws.Config{
		Region: srv.Region, BaseEndpoint: &srv.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey, srv.SecretKey, ""),
	}, srv.Bucket, s3.Options{PartSize: 5 << 20, MaxAttempts: tries})
}

func dirStore(t testing.TB, path string) store.Store {
	st, err := dir.New(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func openRoot(t testing.TB, path string) *os.Root {
	r, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// files makes a tree: a name ending with a slash is a directory.
func files(t testing.TB, root string, content map[string]string) {
	t.Helper()
	for name, c := range content {
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(c), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readTree is what is below root: files with content, directories with "/" where empty.
func readTree(t testing.TB, root string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel := strings.TrimPrefix(path, root+"/")
		if d.IsDir() {
			names, err := os.ReadDir(path)
			if len(names) == 0 {
				got[rel+"/"] = ""
			}
			return err
		}
		b, err := os.ReadFile(path)
		got[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func sameTree(t testing.TB, got, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if g, ok := got[k]; !ok {
			t.Errorf("%q is missing", k)
		} else if g != v {
			t.Errorf("%q has %d other bytes, want %d", k, len(g), len(v))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%q is too much", k)
		}
	}
}

// events collects what happened.
type events struct {
	mu  sync.Mutex
	all []ferrysync.Event
}

func (e *events) add(v ferrysync.Event) { e.mu.Lock(); e.all = append(e.all, v); e.mu.Unlock() }

func (e *events) paths(op ferrysync.Op) []string {
	var p []string
	for _, v := range e.all {
		if v.Op == op {
			p = append(p, v.Path)
		}
	}
	return p
}

func sample() map[string]string {
	m := map[string]string{"empty": "", "dir/a": "A", "dir/sub/b": "BB", "dir.txt": "x", "dir0/c": "c", "big": string(storetest.Bytes(300 << 10))}
	for i := range 50 {
		m[fmt.Sprintf("many/%d", i)] = fmt.Sprint(i)
	}
	m["huge"] = string(storetest.Bytes(6<<20 + 7))
	return m
}

func TestRoundTrip(t *testing.T) {
	bothStores(t, func(t *testing.T, st store.Store) {
		e := ferrysync.New(ferrysync.Config{})
		src, dst := t.TempDir(), t.TempDir()
		want := sample()
		want["hollow/inner/"] = ""
		files(t, src, want)
		if err := os.Chmod(src+"/dir/a", 0o751); err != nil {
			t.Fatal(err)
		}
		old := time.Date(2003, 4, 5, 6, 7, 8, 123456789, time.UTC)
		if err := os.Chtimes(src+"/dir/a", old, old); err != nil {
			t.Fatal(err)
		}
		o := ferrysync.Options{Preserve: true}
		s, err := e.Up(t.Context(), openRoot(t, src), st, "in", o)
		if err != nil || s.Files != int64(len(want)) || s.Skipped != 0 {
			t.Fatalf("Up: %+v, %v", s, err)
		}
		s, err = e.Down(t.Context(), st, "in", openRoot(t, dst), o)
		if err != nil || s.Files != int64(len(want)) || s.Listed != s.Files || s.Bytes == 0 {
			t.Fatalf("Down: %+v, %v", s, err)
		}
		sameTree(t, readTree(t, dst), want)
		info, err := os.Stat(dst + "/dir/a")
		if err != nil || info.Mode().Perm() != 0o751 || !info.ModTime().Equal(old) {
			t.Errorf("dir/a: %v, %v, %v", info.Mode(), info.ModTime(), err)
		}
		var ev events
		o.Event = ev.add
		if s, err = e.Down(t.Context(), st, "in", openRoot(t, dst), o); err != nil || s.Files != 0 || s.Skipped != int64(len(want)) {
			t.Errorf("Down again: %+v, %v, %q", s, err, ev.paths(ferrysync.OpDownload))
		}
		if s, err = e.Up(t.Context(), openRoot(t, dst), st, "in", o); err != nil || s.Files != 0 {
			t.Errorf("Up again: %+v, %v, %q", s, err, ev.paths(ferrysync.OpUpload))
		}
	})
}

func TestSince(t *testing.T) {
	bothStores(t, func(t *testing.T, st store.Store) {
		e := ferrysync.New(ferrysync.Config{})
		src := t.TempDir()
		files(t, src, sample())
		root := openRoot(t, src)
		snap, err := e.Take(t.Context(), root, ferrysync.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o := ferrysync.Options{Preserve: true, Since: snap}
		if s, err := e.Up(t.Context(), root, st, "out", o); err != nil || s.Files != 0 || s.Requests != 0 {
			t.Errorf("nothing changed: %+v, %v", s, err)
		}
		// The same size, and the time set back: only the inode's time tells.
		info, err := os.Stat(src + "/dir/a")
		if err != nil {
			t.Fatal(err)
		}
		files(t, src, map[string]string{"dir/a": "Z", "new/n": "n", "hollow/": ""})
		if err := os.Chtimes(src+"/dir/a", info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		s, err := e.Up(t.Context(), root, st, "out", o)
		if err != nil || s.Files != 3 || s.Requests != 3 {
			t.Errorf("changed: %+v, %v", s, err)
		}
		if got := storetest.List(t, st, "out/"); strings.Join(got, " ") != "out/dir/a out/hollow/ out/new/n" {
			t.Errorf("sent %q", got)
		}
	})
}

func TestSingleFiles(t *testing.T) {
	bothStores(t, func(t *testing.T, st store.Store) {
		e := ferrysync.New(ferrysync.Config{})
		src := t.TempDir()
		files(t, src, map[string]string{"a/f": "content"})
		root := openRoot(t, src)
		if s, err := e.UpFile(t.Context(), root, "a/f", st, "k/x", ferrysync.Options{}); err != nil || s.Files != 1 {
			t.Errorf("UpFile: %+v, %v", s, err)
		}
		if s, err := e.DownFile(t.Context(), st, "k/x", root, "b/c/g", ferrysync.Options{}); err != nil || s.Files != 1 || s.Bytes != 7 {
			t.Errorf("DownFile: %+v, %v", s, err)
		}
		sameTree(t, readTree(t, src), map[string]string{"a/f": "content", "b/c/g": "content"})
		if _, err := e.DownFile(t.Context(), st, "k/none", root, "h", ferrysync.Options{}); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("DownFile of nothing: %v", err)
		}
		if _, err := e.DownFile(t.Context(), st, "k/x", root, "../h", ferrysync.Options{}); !errors.Is(err, ferrysync.ErrRefused) {
			t.Errorf("DownFile to outside: %v", err)
		}
		if _, err := e.UpFile(t.Context(), root, "none", st, "k/y", ferrysync.Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("UpFile of nothing: %v", err)
		}
	})
}

func TestDelete(t *testing.T) {
	bothStores(t, func(t *testing.T, st store.Store) {
		e := ferrysync.New(ferrysync.Config{})
		src, dst := t.TempDir(), t.TempDir()
		files(t, src, map[string]string{"a": "1", "b/c": "2"})
		files(t, dst, map[string]string{"a": "1", "b/d": "3", "keep.log": "4", "z": "5"})
		o := ferrysync.Options{Delete: true, Filters: []ferrysync.Filter{{Pattern: "*.log"}}}
		if _, err := e.Up(t.Context(), openRoot(t, src), st, "p", o); err != nil {
			t.Fatal(err)
		}
		o.DryRun = true
		if s, err := e.Down(t.Context(), st, "p", openRoot(t, dst), o); err != nil || s.Deleted != 2 || len(readTree(t, dst)) != 4 {
			t.Errorf("dry run: %+v, %v", s, err)
		}
		o.DryRun = false
		if s, err := e.Down(t.Context(), st, "p", openRoot(t, dst), o); err != nil || s.Deleted != 2 {
			t.Errorf("Down: %+v, %v", s, err)
		}
		sameTree(t, readTree(t, dst), map[string]string{"a": "1", "b/c": "2", "keep.log": "4"})
		if err := os.Remove(src + "/a"); err != nil {
			t.Fatal(err)
		}
		if s, err := e.Up(t.Context(), openRoot(t, src), st, "p", o); err != nil || s.Deleted != 1 {
			t.Errorf("Up: %+v, %v", s, err)
		}
		if got := storetest.List(t, st, "p/"); strings.Join(got, " ") != "p/b/c" {
			t.Errorf("left %q", got)
		}
	})
}

func TestNoTemporaryFilesStay(t *testing.T) {
	st, _ := s3Store(t)
	e := ferrysync.New(ferrysync.Config{})
	src, dst := t.TempDir(), t.TempDir()
	files(t, src, sample())
	if _, err := e.Up(t.Context(), openRoot(t, src), st, "", ferrysync.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dst+"/big/in-the-way", 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := e.Down(t.Context(), st, "", openRoot(t, dst), ferrysync.Options{})
	if err == nil || !strings.Contains(err.Error(), "big") {
		t.Errorf("a directory where a file must be: %v", err)
	}
	for name := range readTree(t, dst) {
		if strings.Contains(name, ".ferry") {
			t.Errorf("%q stayed", name)
		}
	}
	if b, err := os.ReadFile(dst + "/huge"); err != nil || !bytes.Equal(b, storetest.Bytes(6<<20+7)) {
		t.Errorf("the others must come all the same: %v", err)
	}
}

// With no slot to spare nothing may wait for one.
func TestLargeObjectsWithFewTransfers(t *testing.T) {
	st, _ := s3Store(t)
	src := t.TempDir()
	want := map[string]string{}
	for i := range 4 {
		want[fmt.Sprint(i)] = string(storetest.Bytes(6<<20 + int64(i)))
	}
	files(t, src, want)
	for _, n := range []int{1, 2, 4} {
		e := ferrysync.New(ferrysync.Config{MaxTransfers: n})
		dst := t.TempDir()
		if _, err := e.Up(t.Context(), openRoot(t, src), st, fmt.Sprint(n), ferrysync.Options{}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Down(t.Context(), st, fmt.Sprint(n), openRoot(t, dst), ferrysync.Options{}); err != nil {
			t.Fatal(err)
		}
		sameTree(t, readTree(t, dst), want)
	}
}
