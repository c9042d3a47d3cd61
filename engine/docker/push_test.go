package docker

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

// pushable gives the module image the name ref for as long as the test lasts.
func pushable(t *testing.T, e *Engine, ref string) {
	t.Helper()
	img, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cli.ImageTag(t.Context(), img.ID, ref); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.images.RemoveImage(context.WithoutCancel(t.Context()), ref) })
}

func loginAs(user, password string) engine.Login {
	return func(context.Context, string) (string, string, error) { return user, password, nil }
}

// TestRegistries pushes to, looks at and pulls from registries of every sort, with a good login, a bad one and none.
func TestRegistries(t *testing.T) {
	for name, o := range map[string]registrytest.Options{
		"http": {}, "http with password": {User: "ann", Password: "secret"}, "tls with password": {TLS: true, User: "ann", Password: "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := testEngine(t), registrytest.Start(t, o)
			ref := r.Host + "/some/thing:1"
			pushable(t, e, ref)
			if o.Password != "" {
				for what, login := range map[string]engine.Login{"bad": loginAs("ann", "guess"), "no": nil} {
					if _, err := e.images.Push(t.Context(), ref, login, nil); !errors.Is(err, engine.ErrDenied) {
						t.Errorf("Push with %s login: %v", what, err)
					}
					if _, err := e.images.Resolve(t.Context(), ref, login); !errors.Is(err, engine.ErrDenied) {
						t.Errorf("Resolve with %s login: %v", what, err)
					}
					if _, err := e.Image(t.Context(), r.Host+"/some/other:1", login); !errors.Is(err, engine.ErrDenied) {
						t.Errorf("Image with %s login: %v", what, err)
					}
				}
			}
			login := loginAs(o.User, o.Password)
			if _, err := e.images.Resolve(t.Context(), ref, login); !errors.Is(err, engine.ErrNoImage) {
				t.Errorf("Resolve of what is not there: %v", err)
			}
			if _, err := e.Image(t.Context(), r.Host+"/some/other:1", login); !errors.Is(err, engine.ErrNoImage) {
				t.Errorf("Image of what is not there: %v", err)
			}
			var seen atomic.Int64
			p, err := e.images.Push(t.Context(), ref, login, func(p engine.Progress) { seen.Store(max(seen.Load(), p.Current)) })
			if err != nil || p.Tries != 1 || p.Bytes < 1<<20 || seen.Load() < 1<<20 {
				t.Fatalf("Push: %+v, %v, progress to %d", p, err, seen.Load())
			}
			if d, err := e.images.Resolve(t.Context(), ref, login); err != nil || d != p.Digest || d != r.Image(t, "some/thing", "1").Digest {
				t.Errorf("Resolve: %q, %v; pushed %q", d, err, p.Digest)
			}
			byDigest := r.Host + "/some/thing@" + p.Digest
			if err := e.images.RemoveImage(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
			img, err := e.Image(t.Context(), byDigest, login)
			if err != nil || img.Digest != byDigest {
				t.Errorf("Image by digest: %+v, %v", img, err)
			}
			_ = e.images.RemoveImage(t.Context(), byDigest)
		})
	}
}

// TestPushTriesAgain breaks the registry's answers for a while, on layers and on the manifest.
func TestPushTriesAgain(t *testing.T) {
	t.Parallel()
	e, r := testEngine(t), registrytest.Start(t, registrytest.Options{})
	ref := r.Host + "/some/thing:1"
	pushable(t, e, ref)
	var cuts, errs atomic.Int32
	r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
		switch {
		case req.Method == "PUT" && strings.Contains(req.URL.Path, "/manifests/") && errs.Add(1) <= 2:
			registrytest.Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "later")
		case req.Method == "PATCH" && cuts.Add(1) <= 2:
			panic(http.ErrAbortHandler) // away in the middle of a layer
		default:
			return false
		}
		return true
	})
	p, err := e.images.Push(t.Context(), ref, nil, nil)
	if err != nil || p.Tries != 3 || r.Image(t, "some/thing", "1").Digest != p.Digest {
		t.Errorf("Push: %+v, %v", p, err)
	}
}

// TestPushTakesNoForAnAnswer counts how often a refused push is tried: once, and once more where a login may have expired.
func TestPushTakesNoForAnAnswer(t *testing.T) {
	for _, test := range []struct {
		code   string
		status int
		puts   int
		denied bool
	}{
		{"DENIED", http.StatusForbidden, 2, true},
		{"TAG_INVALID", http.StatusBadRequest, 1, false},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			e, r := testEngine(t), registrytest.Start(t, registrytest.Options{})
			ref := r.Host + "/some/thing:1"
			pushable(t, e, ref)
			r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method != "PUT" || !strings.Contains(req.URL.Path, "/manifests/") {
					return false
				}
				registrytest.Refuse(w, test.status, test.code, "the image tag '1' already exists and cannot be overwritten")
				return true
			})
			_, err := e.images.Push(t.Context(), ref, nil, nil)
			if err == nil || errors.Is(err, engine.ErrDenied) != test.denied {
				t.Errorf("Push: %v", err)
			}
			puts := len(slices.DeleteFunc(r.Seen(), func(s string) bool { return !strings.HasPrefix(s, "PUT ") || !strings.Contains(s, "/manifests/") }))
			if puts != test.puts {
				t.Errorf("the manifest was put %d times, want %d", puts, test.puts)
			}
		})
	}
}

// TestLoginStaysAtItsRegistry has a registry, which was given a login, send the engine elsewhere: whoever is there sees no login.
func TestLoginStaysAtItsRegistry(t *testing.T) {
	t.Parallel()
	e, r := testEngine(t), registrytest.Start(t, registrytest.Options{User: "ann", Password: "secret"})
	ref, login := r.Host+"/some/thing:1", loginAs("ann", "secret")
	derived := testenv.DerivedImage(t, testenv.ModuleImage(t), map[string]string{"new": t.Name()})
	testenv.DockerCommand(t, nil, "tag", derived, ref)
	if _, err := e.images.Push(t.Context(), ref, login, nil); err != nil {
		t.Fatal(err)
	}
	testenv.DockerCommand(t, nil, "rmi", ref, derived)
	var asked, logins atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		if len(req.Header["Authorization"]) > 0 {
			logins.Add(1)
		}
		http.NotFound(w, req)
	}))
	defer elsewhere.Close()
	for _, part := range []string{"/blobs/", "/manifests/"} {
		before := asked.Load()
		r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, part) {
				return false
			}
			http.Redirect(w, req, elsewhere.URL+req.URL.Path, http.StatusTemporaryRedirect)
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := e.Image(ctx, ref, login)
		cancel()
		if err == nil || asked.Load() == before || logins.Load() > 0 {
			t.Errorf("%s elsewhere: %v; asked %d times, %d with a login", part, err, asked.Load()-before, logins.Load())
		}
	}
}
