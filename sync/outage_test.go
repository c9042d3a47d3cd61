package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// many are small files.
func many(n int) map[string]string {
	content := map[string]string{}
	for i := range n {
		content[fmt.Sprintf("d%d/f%d", i%10, i)] = fmt.Sprint(i)
	}
	return content
}

// bothWays moves the content up and down through a proxy that prepare makes fail, and compares what came.
func bothWays(t *testing.T, content map[string]string, prepare func(*testenv.FaultProxy)) {
	t.Helper()
	_, srv := s3Store(t)
	p := testenv.Proxy(t, srv.Endpoint)
	st := s3At(p.Via(srv))
	src := t.TempDir()
	files(t, src, content)
	prepare(p)
	if s, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{}); err != nil || int(s.Files) != len(content) {
		t.Fatalf("up: %+v, %v", s, err)
	}
	p.Clear()
	prepare(p)
	got, s, err := down(t, st)
	if err != nil || int(s.Files) != len(content) {
		t.Fatalf("down: %+v, %v", s, err)
	}
	sameTree(t, got, content)
}

// A server may close a connection at any time that is between two requests for it.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	content := many(3000)
	content["large"] = string(storetest.Bytes(12 << 20)) // goes up in parts
	bothWays(t, content, func(p *testenv.FaultProxy) { p.HangUp(7) })
}

// A store that goes away in the middle is waited for, and nothing is lost.
func TestOutage(t *testing.T) {
	t.Parallel()
	content := many(1000)
	content["large"] = string(storetest.Bytes(12 << 20))
	for name, away := range map[string]func(*testing.T, *testenv.FaultProxy){
		"gone": func(t *testing.T, p *testenv.FaultProxy) {
			p.Away()
			time.Sleep(3 * time.Second)
			p.Back(t)
		},
		"gateway": func(_ *testing.T, p *testenv.FaultProxy) {
			p.Add(testenv.Rule{Fault: testenv.Fault{Status: 502}})
			time.Sleep(3 * time.Second)
			p.Clear()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, content, func(p *testenv.FaultProxy) {
				seen := 0
				begun := make(chan struct{})
				p.Add(testenv.Rule{Times: 1, Match: func(testenv.Request) bool {
					if seen++; seen == 300 {
						close(begun)
					}
					return false
				}})
				go func() {
					<-begun
					away(t, p)
				}()
			})
		})
	}
}

// While the store is away, one request asks for it and the others wait.
func TestOneProbes(t *testing.T) {
	t.Parallel()
	p, st := faulty(t, many(500))
	away, probes := false, 0
	p.Add(testenv.Rule{Match: func(r testenv.Request) bool { // until one of them has asked five times
		away = away || strings.HasSuffix(r.Key, "/f100")
		if r.Kind == "HEAD bucket" {
			probes++
		}
		return away && probes < 5
	}, Fault: testenv.Fault{Reset: true}})
	_, s, err := down(t, st)
	if err != nil || s.Files != 500 {
		t.Fatalf("%+v, %v", s, err)
	}
	if again := p.Count("GetObject") - 500; again > 96 { // the most that were under way
		t.Errorf("%d requests were sent again", again)
	}
}

// A store that stays away is given up, and what did not move is told by name.
func TestOutageWithoutEnd(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	files(t, src, many(300))
	_, srv := s3Store(t)
	p := testenv.Proxy(t, srv.Endpoint)
	p.Add(testenv.Rule{Kind: "PutObject", After: 50, Fault: testenv.Fault{Reset: true}})
	p.Add(testenv.Rule{Kind: "HEAD bucket", Fault: testenv.Fault{Reset: true}})
	var ev events
	ctx := retry.WithPatience(t.Context(), time.Second)
	s, err := ferrysync.New(ferrysync.Config{}).Up(ctx, openRoot(t, src), s3At(p.Via(srv)), "p", ferrysync.Options{Event: ev.add})
	if !errors.Is(err, store.ErrOutage) || !errors.Is(err, store.ErrUnreachable) || ferrysync.IsPerFile(err) || s.Files != 50 || s.Failed+s.Dropped != 250 {
		t.Errorf("%+v, %v", s, err)
	}
}

// An object whose connection always breaks is an error of its own. All others move.
func TestLoneObject(t *testing.T) {
	t.Parallel()
	direct, srv := s3Store(t)
	src := t.TempDir()
	files(t, src, many(300))
	if _, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), direct, "p", ferrysync.Options{}); err != nil {
		t.Fatal(err)
	}
	p := testenv.Proxy(t, srv.Endpoint)
	st := s3Trying(p.Via(srv), 3) // the usual number takes a minute
	p.Add(testenv.Rule{Kind: "GetObject", Match: key("p/d3/f3"), Fault: testenv.Fault{Reset: true}})
	p.Add(testenv.Rule{Kind: "PutObject", Match: key("q/d3/f3"), Fault: testenv.Fault{Reset: true}})
	got, s, err := down(t, st)
	if !errors.Is(err, store.ErrUnreachable) || !ferrysync.IsPerFile(err) || !strings.Contains(err.Error(), "p/d3/f3") || s.Files != 299 || s.Failed != 1 || len(got) != 299 {
		t.Errorf("down: %d files, %+v, %v", len(got), s, err)
	}
	s, err = ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "q", ferrysync.Options{})
	if !errors.Is(err, store.ErrUnreachable) || !ferrysync.IsPerFile(err) || !strings.Contains(err.Error(), "q/d3/f3") || s.Files != 299 || s.Failed != 1 {
		t.Errorf("up: %+v, %v", s, err)
	}
}
