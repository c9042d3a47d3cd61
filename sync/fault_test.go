package sync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// faulty is a bucket with some objects, seen through a proxy that can make it fail.
func faulty(t *testing.T, content map[string]string) (*testenv.FaultProxy, store.Store) {
	direct, srv := s3Store(t)
	src := t.TempDir()
	files(t, src, content)
	if _, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), direct, "p", ferrysync.Options{}); err != nil {
		t.Fatal(err)
	}
	p := testenv.Proxy(t, srv.Endpoint)
	return p, s3At(p.Via(srv))
}

func down(t *testing.T, st store.Store) (map[string]string, ferrysync.Stats, error) {
	t.Helper()
	dst := t.TempDir()
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Preserve: true})
	return readTree(t, dst), s, err
}

func key(name string) func(testenv.Request) bool {
	return func(r testenv.Request) bool { return r.Key == name }
}

// Whatever happens to an answer on its way, the tree is right in the end or the file is not there and an error says so.
func TestDownloadFaults(t *testing.T) {
	t.Parallel()
	content := map[string]string{"a": "alpha", "b": string(storetest.Bytes(200_000)), "c": string(storetest.Bytes(5 << 20))}
	for _, c := range []struct {
		name  string
		rule  testenv.Rule
		heals bool
	}{
		{"503 once", testenv.Rule{Kind: "GetObject", Times: 3, Fault: testenv.Fault{Status: 503}}, true},
		{"500 on the listing", testenv.Rule{Kind: "ListObjectsV2", Times: 1, Fault: testenv.Fault{Status: 500}}, true},
		{"reset", testenv.Rule{Kind: "GetObject", Times: 2, Fault: testenv.Fault{Reset: true}}, true},
		{"small cut short", testenv.Rule{Match: key("p/a"), Times: 1, Fault: testenv.Fault{Cut: 2}}, true},
		{"middle cut short", testenv.Rule{Match: key("p/b"), Times: 2, Fault: testenv.Fault{Cut: 100_000}}, true},
		{"large cut short", testenv.Rule{Match: key("p/c"), Times: 4, Fault: testenv.Fault{Cut: 1 << 20}}, true},
		{"listing cut short", testenv.Rule{Kind: "ListObjectsV2", Times: 1, Fault: testenv.Fault{Cut: 300}}, true},
		{"always cut", testenv.Rule{Match: key("p/b"), Fault: testenv.Fault{Cut: 1}}, true},
		{"denied", testenv.Rule{Match: key("p/b"), Fault: testenv.Fault{Status: 403}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time they wait to try again
			p, st := faulty(t, content)
			p.Add(c.rule)
			if c.name == "always cut" { // a byte each time is progress, but 200,000 requests are too many for a test
				content := map[string]string{"b": "0123456789"}
				p, st = faulty(t, content)
				p.Add(c.rule)
				got, s, err := down(t, st)
				if err != nil || s.Retries != 9 {
					t.Errorf("%+v, %v", s, err)
				}
				sameTree(t, got, content)
				return
			}
			got, s, err := down(t, st)
			if c.heals {
				if err != nil || s.Retries == 0 {
					t.Errorf("%+v, %v", s, err)
				}
				sameTree(t, got, content)
				return
			}
			if !errors.Is(err, store.ErrDenied) || s.Failed != 1 || s.Files != 2 || !strings.Contains(err.Error(), "p/b") {
				t.Errorf("%+v, %v", s, err)
			}
			want := map[string]string{"a": content["a"], "c": content["c"]}
			sameTree(t, got, want)
		})
	}
}

// The server keeps no checksum of what was put without one, so these objects are put with one, as on AWS.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	content := map[string]string{"a": "alpha", "b": string(storetest.Bytes(200_000)), "c": string(storetest.Bytes(5 << 20))}
	for _, name := range []string{"a", "b", "c"} {
		for _, times := range []int{1, 0} {
			t.Run(fmt.Sprintf("%s %d", name, times), func(t *testing.T) {
				srv := testenv.S3(t)
				putWithChecksums(t, srv, "p/", content)
				p := testenv.Proxy(t, srv.Endpoint)
				p.Add(testenv.Rule{Kind: "GetObject", Match: key("p/" + name), Times: times, Fault: testenv.Fault{Flip: 3}})
				got, s, err := down(t, s3At(p.Via(srv)))
				if times == 1 {
					if err != nil || s.Retries == 0 {
						t.Errorf("%+v, %v", s, err)
					}
					sameTree(t, got, content)
					return
				}
				if err == nil || s.Failed != 1 || !strings.Contains(err.Error(), "checksum") || !strings.Contains(err.Error(), "p/"+name) {
					t.Errorf("%+v, %v", s, err)
				}
				if _, ok := got[name]; ok || len(got) != 2 {
					t.Errorf("%d files, the wrong one among them: %v", len(got), ok)
				}
			})
		}
	}
}

func TestFlippedUpload(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{10, 300_000, 6 << 20} {
		_, srv := s3Store(t)
		p := testenv.Proxy(t, srv.Endpoint)
		p.Add(testenv.Rule{Match: func(r testenv.Request) bool { return r.Method == "PUT" }, Times: 1, Fault: testenv.Fault{FlipUpload: 3}})
		src := t.TempDir()
		content := map[string]string{"x": string(storetest.Bytes(n))}
		files(t, src, content)
		_, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), s3At(p.Via(srv)), "p", ferrysync.Options{})
		keys := storetest.List(t, s3At(srv), "")
		switch {
		case err != nil && len(keys) > 0:
			t.Errorf("%d bytes: %v, and yet there is %q", n, err, keys)
		case err == nil:
			if _, b := storetest.Get(t, s3At(srv), "p/x", store.OpenOptions{}); string(b) != content["x"] {
				t.Errorf("%d bytes: the object is wrong", n)
			}
		}
	}
}

// An object that is replaced after it was listed is read as it is then, whole, never in a mixture.
func TestReplacedWhileReading(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{10, 100_000, 7 << 20} {
		direct, srv := s3Store(t)
		old, young := storetest.Bytes(size), slices.Repeat([]byte("y"), int(size)+5)
		if _, err := direct.Put(t.Context(), "p/x", store.Body{Bytes: old}, store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		st := &meddler{Store: direct, meddle: func() {
			if _, err := direct.Put(context.Background(), "p/x", store.Body{Bytes: young}, store.PutOptions{}); err != nil {
				t.Error(err)
			}
		}}
		dst := t.TempDir()
		s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{})
		if err != nil || s.Bytes != int64(len(young)) {
			t.Errorf("%d bytes: %+v, %v", size, s, err)
		}
		if b, err := os.ReadFile(dst + "/x"); err != nil || !bytes.Equal(b, young) {
			t.Errorf("%d bytes: got %d, %v", size, len(b), err)
		}
		_ = srv
	}
}

// A meddler does something right after an object was opened for the first time; what was listed is then out of date.
type meddler struct {
	store.Store
	meddle func()
}

func (m *meddler) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	if m.meddle != nil {
		f := m.meddle
		m.meddle = nil
		f()
	}
	return m.Store.Open(ctx, key, o)
}

func TestNothingDeletedAfterIncompleteListing(t *testing.T) {
	t.Parallel()
	content := map[string]string{}
	for i := range 1100 {
		content[fmt.Sprintf("f%04d", i)] = "x"
	}
	p, st := faulty(t, content)
	p.Add(testenv.Rule{Kind: "ListObjectsV2", After: 1, Fault: testenv.Fault{Status: 403}})
	dst, local := t.TempDir(), map[string]string{"a-mine": "1", "f0500-mine": "2", "z-mine": "3"}
	files(t, dst, local)
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Delete: true})
	if !errors.Is(err, store.ErrDenied) || s.Deleted != 0 || ferrysync.IsPerFile(err) {
		t.Errorf("Down: %+v, %v", s, err)
	}
	got := readTree(t, dst)
	for name := range local {
		if got[name] == "" {
			t.Errorf("%q is gone", name)
		}
	}
	s, err = ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, t.TempDir()), st, "p", ferrysync.Options{Delete: true})
	if !errors.Is(err, store.ErrDenied) || s.Deleted != 0 || p.Count("DeleteObjects") != 0 {
		t.Errorf("Up: %+v, %v", s, err)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	content := map[string]string{"big": string(storetest.Bytes(5 << 20))}
	for i := range 200 {
		content[fmt.Sprint("f", i)] = "x"
	}
	p, st := faulty(t, content)
	p.Add(testenv.Rule{Kind: "GetObject", Match: key("p/big"), Fault: testenv.Fault{Cut: 1 << 20, ThenStall: true}})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("told to stop")
	dst := t.TempDir()
	stop := time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
	defer stop.Stop()
	_, err := ferrysync.New(ferrysync.Config{}).Down(ctx, st, "p", openRoot(t, dst), ferrysync.Options{})
	if !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	for name := range readTree(t, dst) {
		if strings.Contains(name, ".ferry") || name == "big" {
			t.Errorf("%q stayed", name)
		}
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	content := map[string]string{}
	for i := range 50 {
		content[fmt.Sprint("f", i)] = fmt.Sprint(i)
	}
	p, st := faulty(t, content)
	p.Add(testenv.Rule{Kind: "GetObject", Every: 5, Times: 8, Fault: testenv.Fault{Status: 503, Code: "SlowDown"}})
	got, s, err := down(t, st)
	if err != nil || s.Retries == 0 || s.Files != 50 {
		t.Errorf("%+v, %v", s, err)
	}
	sameTree(t, got, content)
}

func TestRequestsAreExact(t *testing.T) {
	t.Parallel()
	content := map[string]string{}
	for i := range 2002 {
		content[fmt.Sprintf("d%d/f%d", i%10, i)] = fmt.Sprint(i)
	}
	p, st := faulty(t, content)
	_, s, err := down(t, st)
	if err != nil || s.Files != 2002 {
		t.Fatalf("%+v, %v", s, err)
	}
	if l, g, all := p.Count("ListObjectsV2"), p.Count("GetObject"), p.Count(""); l != 3 || g != 2002 || all != l+g || s.Requests != int64(all) {
		t.Errorf("%d listings, %d reads, %d requests in all; counted %d", l, g, all, s.Requests)
	}
}

// The disk is a small tmpfs, which takes root to mount.
func TestDiskFull(t *testing.T) {
	content := map[string]string{"a": "1", "big": string(storetest.Bytes(3 << 20))}
	_, st := faulty(t, content)
	dst := smallDisk(t, 1<<20)
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{})
	if !errors.Is(err, syscall.ENOSPC) || s.Failed == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	for name := range readTree(t, dst) {
		if name != "a" {
			t.Errorf("%q stayed", name)
		}
	}
}

func TestDestinationNotWritable(t *testing.T) {
	content := map[string]string{}
	for i := range 50 {
		content[fmt.Sprintf("d/%d", i)] = "x"
	}
	p, st := faulty(t, content)
	dst := smallDisk(t, 1<<20)
	if err := syscall.Mount("", dst, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	var ev events
	own := func(e ferrysync.Event) bool {
		return e.Op == ferrysync.OpFail && !errors.Is(e.Err, ferrysync.ErrStopped)
	}
	s, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), st, "p", openRoot(t, dst), ferrysync.Options{Event: ev.add})
	if !errors.Is(err, syscall.EROFS) || strings.Contains(err.Error(), "\n") || s.Files != 0 || slices.ContainsFunc(ev.all, own) {
		t.Errorf("%+v, %v", s, err)
	}
	if n := p.Count("GetObject"); n > 50 {
		t.Errorf("%d objects were read for nothing", n)
	}
}
