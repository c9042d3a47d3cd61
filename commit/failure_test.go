package commit_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

func request(t *testing.T, name string, base engine.Image) commit.Request {
	return commit.Request{Name: name, Image: base, Module: module, Job: "job-7", Dirs: tasklib(t)}
}

// gone checks that a freeze that failed left no image.
func gone(t *testing.T, f *commit.Freezer, ref string) {
	t.Helper()
	if _, err := f.Images.Find(t.Context(), ref); !errors.Is(err, engine.ErrNoImage) {
		t.Errorf("%s is left in the engine: %v", ref, err)
	}
}

func TestECR(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	f, fake := withECR(t, e)
	base := image(t, e, testenv.ModuleImage(t))
	out, err := f.Freeze(t.Context(), request(t, "Lab/My Module:One", base))
	forget(t, e, out.Reference)
	if err != nil || out.Outcome != commit.OutcomePushed || out.Reference != fake.Host+"/lab/my-module:One" {
		t.Fatalf("Freeze: %+v, %v", out, err)
	}
	// Another version goes into the same repository, which exists now.
	again, err := f.Freeze(t.Context(), request(t, "Lab/My Module:Two", base))
	forget(t, e, again.Reference)
	if err != nil || again.Outcome != commit.OutcomePushed || len(fake.Repositories()) != 1 {
		t.Errorf("Freeze again: %+v, %v, %v", again, err, fake.Repositories())
	}
	if n := len(slices.DeleteFunc(fake.Calls(), func(c string) bool { return c != "CreateRepository" })); n != 1 {
		t.Errorf("CreateRepository was called %d times", n)
	}
	// The same again is left alone.
	same, err := f.Freeze(t.Context(), request(t, "Lab/My Module:Two", base))
	if err != nil || same.Outcome != commit.OutcomeExists || same.Digest != again.Digest {
		t.Errorf("Freeze the same: %+v, %v", same, err)
	}
}

// TestExpiredLogin lets the login expire when the first layer comes.
func TestExpiredLogin(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	f, fake := withECR(t, e)
	var once sync.Once
	fake.Before(func(req *http.Request) {
		if req.Method == "POST" {
			once.Do(fake.Expire)
		}
	})
	out, err := f.Freeze(t.Context(), request(t, "expired:1", image(t, e, testenv.ModuleImage(t))))
	forget(t, e, out.Reference)
	if err != nil || out.Outcome != commit.OutcomePushed || out.Tries != 2 {
		t.Errorf("Freeze: %+v, %v", out, err)
	}
}

func TestNoPermission(t *testing.T) {
	for _, operation := range []string{"CreateRepository", "GetAuthorizationToken", "push"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t)
			f, fake := withECR(t, e)
			fake.Deny(operation)
			out, err := f.Freeze(t.Context(), request(t, "denied:1", image(t, e, testenv.ModuleImage(t))))
			if !errors.Is(err, engine.ErrDenied) || out.Outcome != commit.OutcomeFailed || out.Error == "" {
				t.Errorf("Freeze: %+v, %v", out, err)
			}
			gone(t, f, fake.Host+"/denied:1")
			if n := len(fake.Tags(t, "denied")); n > 0 {
				t.Errorf("%d tags", n)
			}
		})
	}
}

// TestPushedMeanwhile has another job push the same name after this one has looked for it: the registry refuses the
// second, whose image is as good.
func TestPushedMeanwhile(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	f, fake := withECR(t, e)
	base := image(t, e, testenv.ModuleImage(t))
	var once sync.Once
	fake.Before(func(req *http.Request) {
		if req.Method == "PUT" && strings.Contains(req.URL.Path, "/manifests/") {
			once.Do(func() { fake.Tag(t, "meanwhile", "1") })
		}
	})
	out, err := f.Freeze(t.Context(), request(t, "meanwhile:1", base))
	if err != nil || out.Outcome != commit.OutcomeExists || out.Digest != fake.Image(t, "meanwhile", "1").Digest {
		t.Errorf("Freeze: %+v, %v", out, err)
	}
	gone(t, f, fake.Host+"/meanwhile:1")
}

// TestRegistryGoesAway cuts every connection once the first layer is on its way, for good.
func TestRegistryGoesAway(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	f := freezer(t, e, nil)
	var away atomic.Bool
	r.Fail(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == "PATCH" {
			away.Store(true)
		}
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	ref := r.Host + "/lab/away:1"
	out, err := f.Freeze(t.Context(), request(t, ref, image(t, e, testenv.ModuleImage(t))))
	if err == nil || out.Outcome != commit.OutcomeFailed || out.Tries < 2 || out.ID == "" {
		t.Errorf("Freeze: %+v, %v", out, err)
	}
	gone(t, f, ref)
}

// TestCancelled stops in the middle of a push.
func TestCancelled(t *testing.T) {
	t.Parallel()
	e, r := newEngine(t), registrytest.Start(t, registrytest.Options{})
	f := freezer(t, e, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r.Fail(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == "PATCH" {
			cancel()
		}
		return false
	})
	ref := r.Host + "/lab/cancelled:1"
	if out, err := f.Freeze(ctx, request(t, ref, image(t, e, testenv.ModuleImage(t)))); !errors.Is(err, context.Canceled) || out.Outcome != commit.OutcomeFailed {
		t.Errorf("Freeze: %+v, %v", out, err)
	}
	gone(t, f, ref)
}

func TestPrefer(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	f, fake := withECR(t, e)
	ref, otherRef := testenv.ModuleImage(t), testenv.ModuleImage(t, testenv.Sh)
	r := request(t, "auto", image(t, e, ref))
	if _, why, ok := f.Prefer(t.Context(), r, ref); ok || !strings.Contains(why, "no ") {
		t.Errorf("before it was frozen: %v, %q", ok, why)
	}
	out, err := f.Freeze(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	forget(t, e, out.Reference)
	if err := e.Images().RemoveImage(t.Context(), out.Reference); err != nil { // as on another node
		t.Fatal(err)
	}
	c, why, ok := f.Prefer(t.Context(), r, ref)
	if !ok || c.Image.Ref != out.Reference || !slices.Equal(c.Dirs, []string{"/gp/tasklib"}) {
		t.Fatalf("Prefer: %+v, %q", c, why)
	}
	next := r
	next.Module.LSID = strings.Replace(module.LSID, ":9.1", ":9.2", 1)
	named := r
	named.Name = strings.TrimPrefix(out.Reference, fake.Host+"/")
	namedNext := next
	namedNext.Name = named.Name
	for what, test := range map[string]struct {
		r   commit.Request
		ref string
	}{
		"another version": {next, ref}, "another base": {r, otherRef}, "another version under the same tag": {namedNext, ref},
		"another base under the same tag": {named, otherRef}, "a base that does not exist": {r, fake.Host + "/none:1"},
	} {
		if c, why, ok := f.Prefer(t.Context(), test.r, test.ref); ok || why == "" {
			t.Errorf("%s: %+v", what, c)
		}
	}
	if _, why, ok := f.Prefer(t.Context(), named, ref); !ok {
		t.Errorf("by its tag: %q", why)
	}
}
