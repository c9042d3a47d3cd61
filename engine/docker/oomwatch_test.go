package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

func TestCgroupOf(t *testing.T) {
	const id = "0123abcd"
	for text, want := range map[string]struct {
		dir string
		v2  bool
	}{
		"9:name=systemd:/docker/" + id + "\n4:memory:/docker/" + id + "\n0::/docker/" + id + "\n": {"/docker/" + id, false},
		"4:cpu,memory:/ecs/task/" + id + "\n":                                                     {"/ecs/task/" + id, false},
		"0::/system.slice/docker-" + id + ".scope\n":                                              {"/system.slice/docker-" + id + ".scope", true},
		"0::/\n":                             {"", false},
		"4:memory:/docker/other\n0::/\n":     {"", false},
		"":                                   {"", false},
		"4:memory\nnonsense\n::::" + id + "": {"", false},
	} {
		if dir, v2 := cgroupOf(text, id); want.dir != "" && (dir != want.dir || v2 != want.v2) || want.dir == "" && dir != "" && dir[0] == '/' {
			t.Errorf("%q: %q, %v", text, dir, v2)
		}
	}
}

// TestEventsOfTheKernel has the file of a cgroup of version 2 change, as the kernel changes it.
func TestEventsOfTheKernel(t *testing.T) {
	name := filepath.Join(t.TempDir(), "memory.events")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("low 0\noom 0\noom_kill 0\n")
	w := watchEvents(name)
	if w == nil {
		t.Fatal("no watch")
	}
	defer w.close()
	write("low 7\noom 1\noom_kill 0\noom_group_kill 3\n")
	select {
	case <-w.killed():
		t.Fatal("killed, though only memory was out")
	case <-time.After(50 * time.Millisecond):
	}
	write("low 7\noom 1\noom_kill 2\n")
	select {
	case <-w.killed():
	case <-time.After(time.Minute):
		t.Fatal("the kill was not seen")
	}
	if (*oomWatch)(nil).killed() != nil || watchEvents(filepath.Join(t.TempDir(), "none")) != nil {
		t.Error("a watch of nothing")
	}
}

// mute is a real engine that never says that memory was the reason.
func mute(t *testing.T) *Engine {
	t.Helper()
	to := strings.TrimPrefix(testenv.Docker(t), "unix://")
	dir, err := os.MkdirTemp("", "fm") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", to)
		}},
		FlushInterval: -1,
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasSuffix(r.Request.URL.Path, "/json") {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			body = bytes.Replace(body, []byte(`"OOMKilled":true`), []byte(`"OOMKilled":false`), 1)
			if !json.Valid(body) {
				return io.ErrUnexpectedEOF
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return impatient(t, "unix://"+l.Addr().String(), standard)
}

// seesCgroups says whether this process sees the cgroups of the engine's containers: not in a container.
func seesCgroups(t *testing.T, e *Engine) bool {
	c, out := on(t, e, "none", "while :; do sleep 0.05; done")
	_ = out
	in, err := e.container(t.Context(), c.id)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(in.State.Pid) + "/cgroup")
	dir, _ := cgroupOf(string(text), c.id)
	return dir != ""
}

// TestKilledWhat has modules take more memory than they have, and one killed by itself, of an engine that does not say why. FERRY_OOM_ROUNDS
// has it do so more often, for figures.
func TestKilledWhat(t *testing.T) {
	e := mute(t)
	if !seesCgroups(t, testEngine(t)) {
		t.Log("the tests run where the containers' cgroups are not seen: the engine's word is all there is")
		return
	}
	rounds, _ := strconv.Atoi(os.Getenv("FERRY_OOM_ROUNDS"))
	rounds = max(rounds, 3)
	img, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen, at := 0, make(chan struct{}, 8)
	var wg sync.WaitGroup
	// A module begins once it has been started and so is watched. One that is gone before has only the engine's word.
	run := func(script string) (engine.Exit, error) {
		dir := t.TempDir()
		c, err := e.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", "while [ ! -e /begin/now ]; do sleep 0.01; done; " + script},
			Network: "none", Mounts: []engine.Mount{{Source: dir, Target: "/begin", ReadOnly: true}},
			Labels: map[string]string{"ferry.test": "oom"}, Limits: engine.Limits{Memory: 16 << 20}})
		if err != nil {
			return engine.Exit{}, err
		}
		defer func() { _ = c.Remove(context.WithoutCancel(t.Context())) }()
		if err := c.Start(t.Context(), io.Discard, io.Discard); err != nil {
			return engine.Exit{}, err
		}
		if err := os.WriteFile(filepath.Join(dir, "now"), nil, 0o600); err != nil {
			return engine.Exit{}, err
		}
		return c.Wait(t.Context())
	}
	for range rounds {
		wg.Go(func() {
			at <- struct{}{}
			defer func() { <-at }()
			exit, err := run(`x=0123456789abcdef; while :; do x=$x$x; done`)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if exit.OOMKilled {
				seen++
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d", seen, rounds)
	if seen < rounds {
		t.Errorf("of %d modules killed for memory, %d were seen to be", rounds, seen)
	}
	if exit, err := run("kill -9 $$"); err != nil || exit.Code != 137 || exit.OOMKilled {
		t.Errorf("a module that killed itself: %+v, %v", exit, err)
	}
}
