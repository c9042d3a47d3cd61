package docker

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

// published puts the module image into a registry under a name that the engine does not have.
func published(t *testing.T, e *Engine, ref string) {
	t.Helper()
	pushable(t, e, ref)
	if _, err := e.images.Push(t.Context(), ref, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.images.RemoveImage(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
}

// TestBusy has a registry answer 429 for some time, or for ever.
func TestBusy(t *testing.T) {
	for name, c := range map[string]struct {
		times int32  // how often the engine's pull is refused, -1 for ever
		after string // Retry-After
		want  error
		most  int32 // requests of the engine's, 0 for any number
	}{
		"a while":                 {3, "", nil, 0},
		"as long as it asks":      {2, "1", nil, 0},
		"until a date":            {1, time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), nil, 0},
		"for ever":                {-1, "", engine.ErrBusy, 0},
		"longer than a job waits": {-1, "3600", engine.ErrBusy, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := testEngine(t), registrytest.Start(t, registrytest.Options{})
			e.images.rest = rest{first: 10 * time.Millisecond, total: 5 * time.Second}
			ref := r.Host + "/some/busy:1"
			published(t, e, ref)
			var pulls atomic.Int32
			r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.Contains(req.URL.Path, "/manifests/") {
					return false
				}
				n := pulls.Load()
				if strings.HasPrefix(req.UserAgent(), "docker/") {
					n = pulls.Add(1)
				}
				if c.times >= 0 && n > c.times {
					return false
				}
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				registrytest.Refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "by a test")
				return true
			})
			_, err := e.Image(t.Context(), ref, nil)
			if !errors.Is(err, c.want) || (err != nil) != (c.want != nil) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err != nil {
				if named := cause.Name(t.Context(), cause.Image, "", err); cause.Of(named) != cause.Interrupted || cause.HintOf(named) == "" {
					t.Errorf("%q with the hint %q", cause.Of(named), cause.HintOf(named))
				}
			}
			if n := pulls.Load(); c.most > 0 && n > c.most {
				t.Errorf("the engine asked %d times", n)
			}
		})
	}
}

func TestWaitOf(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": -1, "7": 7 * time.Second, "0": 0, "-1": -1, "soon": -1, "1e9": -1, "99999999999": -1,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": 0} {
		got, ok := retryAfter(&http.Response{Header: http.Header{"Retry-After": {text}}}, now)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
	r := rest{first: time.Second, total: 10 * time.Second}
	for n, want := range map[int]bool{1: true, 4: true, 5: false, 1000: false} {
		if pause, ok := r.nextPause(n, 0, nil); ok != want || ok && (pause < time.Second<<(n-1) || pause > r.total) {
			t.Errorf("pause %d: %v, %v", n, pause, ok)
		}
	}
	if _, ok := r.nextPause(1, 9500*time.Millisecond, nil); ok {
		t.Error("a pause longer than what is left")
	}
}

// TestNoManifestForHere has a registry hold an image for another platform only.
func TestNoManifestForHere(t *testing.T) {
	e, r := testEngine(t), registrytest.Start(t, registrytest.Options{})
	local, platform := testenv.ForeignImage(t)
	ref := r.Host + "/some/foreign:one"
	testenv.DockerCommand(t, nil, "tag", local, ref)
	t.Cleanup(func() { _ = e.images.RemoveImage(context.WithoutCancel(t.Context()), ref) })
	pushed, err := e.images.Push(t.Context(), ref, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	index := r.Index(t, "some/foreign", "many", map[string]string{platform: pushed.Digest})
	_, err = e.Image(t.Context(), index, nil)
	named := cause.Name(t.Context(), cause.Image, "", err)
	if !errors.Is(err, engine.ErrPlatform) || cause.Of(named) != cause.Launch || cause.HintOf(named) == "" {
		t.Errorf("%v is %q", err, cause.Of(named))
	}
}

// TestBusyPush has a registry answer 429 to a push for some time, or for ever. (The engine itself asks again for layers.)
func TestBusyPush(t *testing.T) {
	for name, c := range map[string]struct {
		method, part string // which requests are refused
		times        int32  // how often, -1 for ever
		after        string // Retry-After
		want         error
	}{
		"the manifest for a while":     {"PUT", "/manifests/", 6, "", nil},
		"the manifest for ever":        {"PUT", "/manifests/", -1, "", engine.ErrBusy},
		"longer than anybody may wait": {"", "/manifests/", -1, "3600", engine.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := testEngine(t), registrytest.Start(t, registrytest.Options{})
			e.images.rest = rest{first: 10 * time.Millisecond, total: 2 * time.Second}
			ref := r.Host + "/some/busy:1"
			pushable(t, e, ref)
			var refused atomic.Int32
			r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
				if c.method != "" && req.Method != c.method || !strings.Contains(req.URL.Path, c.part) || c.times >= 0 && refused.Add(1) > c.times {
					return false
				}
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				registrytest.Refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "by a test")
				return true
			})
			p, err := e.images.Push(t.Context(), ref, nil, nil)
			if !errors.Is(err, c.want) || (err != nil) != (c.want != nil) {
				t.Fatalf("%+v, %v, want %v", p, err, c.want)
			}
			if err == nil && p.Digest != r.Image(t, "some/busy", "1").Digest {
				t.Errorf("pushed %+v", p)
			}
		})
	}
}
