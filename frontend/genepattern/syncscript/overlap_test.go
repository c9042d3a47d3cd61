package syncscript

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Steps that touch different files overlap: each of these answers only when all have asked. Their log has their order all
// the same, and what follows finds them done.
func TestOverlap(t *testing.T) {
	const n = 5
	var arrived sync.WaitGroup
	arrived.Add(n)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		all := make(chan struct{})
		go func() { arrived.Wait(); close(all) }()
		select {
		case <-all:
			fmt.Fprint(w, r.URL.Path)
		case <-time.After(20 * time.Second):
			http.Error(w, "alone", http.StatusGone)
		}
	}))
	defer srv.Close()
	var script, want strings.Builder
	for i := range n {
		fmt.Fprintf(&script, "wget -q -O /local/jobs/101/f%d %s/%d && echo got %d >> /local/jobs/101/log || echo lost %d >> /local/jobs/101/log\n", i, srv.URL, i, i, i)
		fmt.Fprintf(&want, "got %d\n", i)
	}
	script.WriteString("echo end >> /local/jobs/101/log\nrm /local/jobs/101/f0\n")
	b := newBench(t, script.String())
	if err := b.run(t); err != nil {
		t.Fatal(err)
	}
	got := b.files(t)
	if got["jobs/101/log"] != want.String()+"end\n" || got["jobs/101/f4"] != "/4" || len(got) != n {
		t.Errorf("files are %q", got)
	}
}

// Steps that touch the same file do not overlap: the last one's content stays.
func TestSameFile(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		fmt.Fprint(w, r.URL.Path)
		mu.Lock()
		running--
		mu.Unlock()
	}))
	defer srv.Close()
	var script strings.Builder
	for i := range 20 {
		fmt.Fprintf(&script, "wget -q -O /local/jobs/101/f %s/%d\n", srv.URL, i)
	}
	b := newBench(t, script.String())
	if err := b.run(t); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := b.files(t)["jobs/101/f"]; got != "/19" || most != 1 {
		t.Errorf("the file is %q, %d at once", got, most)
	}
}

func TestPaths(t *testing.T) {
	j := testJob()
	for _, c := range []struct{ prefix, workdir, path, want string }{
		{"/local", "/jobs/101", "/local/jobs/101/x", "jobs/101/x"},
		{"/local", "/jobs/101", "/jobs/101/x", "jobs/101/x"},
		{"/local/", "/jobs/101", "/local//jobs/./101/x/", "jobs/101/x"},
		{"/local", "/local/jobs/101", "/local/jobs/101/x", "local/jobs/101/x"},
		{"/local", "/local/jobs/101", "/local/local/jobs/101/x", "local/jobs/101/x"},
		{"/local", "/jobs/101", "/locality/x", "locality/x"},
		{"/local", "/jobs/101", "/local/other", "other"},
		{"/", "/jobs/101", "/jobs/101/x", "jobs/101/x"},
	} {
		j.LocalPrefix, j.Dirs.Work, j.Dirs.Metadata, j.Dirs.Tasklib = c.prefix, c.workdir, c.workdir+".meta", ""
		if got, err := newPaths(j).rel(c.path); err != nil || got != c.want {
			t.Errorf("%q with prefix %q is %q, %v, want %q", c.path, c.prefix, got, err, c.want)
		}
	}
}
