package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// short is a patience for tests: an engine is given up long before a test is.
var short = patience{ping: 100 * time.Millisecond, control: 200 * time.Millisecond, bulk: 200 * time.Millisecond, idle: 200 * time.Millisecond}

// impatient is an engine at an address that is waited for as limits say.
func impatient(t *testing.T, host string, limits patience) *Engine {
	t.Helper()
	e, err := New(Config{Host: host})
	if err == nil {
		err = e.open("", limits)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// operations are all that ferry asks an engine for.
func operations(e *Engine) map[string]func(context.Context) error {
	c := &Container{conn: e.conn, id: lateID, of: programs{command: "/bin/sh"}}
	known := &Container{conn: e.conn, id: lateID} // its command need not be looked for
	img := engine.Image{Ref: "some", ID: "sha256:some"}
	return map[string]func(context.Context) error{
		"info":   func(ctx context.Context) error { _, err := e.Info(ctx); return err },
		"image":  func(ctx context.Context) error { _, err := e.Image(ctx, "some", nil); return err },
		"pull":   func(ctx context.Context) error { return e.images.pull(ctx, "some", nil) },
		"create": func(ctx context.Context) error { _, err := e.Create(ctx, engine.Spec{Image: img}); return err },
		"own network": func(ctx context.Context) error {
			_, err := e.Create(ctx, engine.Spec{Image: img, Network: engine.OwnNetwork})
			return err
		},
		"make network": func(ctx context.Context) error {
			return e.networks.explain("some", errOf(e.cli.NetworkCreate(ctx, "some", network.CreateOptions{})))
		},
		"probe":         func(ctx context.Context) error { _, err := e.Probe(ctx, "none"); return err },
		"list":          func(ctx context.Context) error { _, err := e.List(ctx, nil); return err },
		"attach":        func(ctx context.Context) error { _, err := e.Attach(ctx, lateID); return err },
		"describe":      func(ctx context.Context) error { _, err := e.Describe(ctx, lateID); return err },
		"changes":       func(ctx context.Context) error { _, err := e.Changes(ctx, lateID); return err },
		"has":           func(ctx context.Context) error { _, err := c.Has(ctx, []string{"/bin/sh"}); return err },
		"start":         func(ctx context.Context) error { return c.Start(ctx, io.Discard, io.Discard) },
		"start, attach": func(ctx context.Context) error { return known.Start(ctx, io.Discard, io.Discard) },
		"stats":         func(ctx context.Context) error { _, err := c.Stats(ctx); return err },
		"stop":          func(ctx context.Context) error { return c.Stop(ctx, 0) },
		"remove":        func(ctx context.Context) error { return c.Remove(ctx) },
		"copy in": func(ctx context.Context) error {
			return c.CopyIn(ctx, "/", bytes.NewReader(make([]byte, 16<<20))) // more than a socket's buffers hold
		},
		"copy out": func(ctx context.Context) error { _, err := c.CopyOut(ctx, "/x"); return err },
		"lstat":    func(ctx context.Context) error { _, err := c.Lstat(ctx, "/x"); return err },
		"find":     func(ctx context.Context) error { _, err := e.images.Find(ctx, "some"); return err },
		"resolve":  func(ctx context.Context) error { _, err := e.images.Resolve(ctx, "some", nil); return err },
		"draft":    func(ctx context.Context) error { _, err := e.images.Draft(ctx, "", img, nil); return err },
		"push":     func(ctx context.Context) error { _, err := e.images.Push(ctx, "some", nil, nil); return err },
		"remove image": func(ctx context.Context) error {
			return e.images.RemoveImage(ctx, "some")
		},
		"look": func(ctx context.Context) error { _, err := e.images.look(ctx, img); return err },
		"commit": func(ctx context.Context) error {
			d := &Draft{Container: Container{conn: e.conn, id: lateID}}
			d.config = ownConfig(image.InspectResponse{})
			_, err := d.Commit(ctx, "some", nil)
			return err
		},
		"build": func(ctx context.Context) error {
			_, err := (&maker{e.images}).Build(ctx, "some", img, nil, engine.Layer{Write: func(io.Writer) error { return nil }})
			return err
		},
		"adopt": func(ctx context.Context) error {
			_, err := (&maker{e.images}).Adopt(ctx, "some", lateID, img, nil)
			return err
		},
	}
}

func errOf[T any](_ T, err error) error { return err }

// silentSocket accepts connections, reads what comes and never answers; where reads is false, it does not even read.
func silentSocket(t *testing.T, reads bool) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			if reads {
				go func() { _, _ = io.Copy(io.Discard, c) }()
			}
		}
	}()
	return "unix://" + name
}

// TestSilentEngine has every operation with an engine that accepts and never answers end as one with an engine that is not there.
func TestSilentEngine(t *testing.T) {
	for _, how := range []struct {
		name  string
		reads bool
	}{{"reads", true}, {"does not read", false}} {
		for name, do := range operations(impatient(t, silentSocket(t, how.reads), short)) {
			t.Run(how.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				checkGivenUp(t, do)
			})
		}
	}
}

// TestAttachSilent has an engine answer but when its streams are attached to.
func TestAttachSilent(t *testing.T) {
	e := impatient(t, startEngine(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/attach") {
			<-r.Context().Done()
		}
	}), short)
	checkGivenUp(t, func(ctx context.Context) error {
		return (&Container{conn: e.conn, id: lateID}).Start(ctx, io.Discard, io.Discard)
	})
}

// checkGivenUp has the operation end by itself, as with an engine that is not there. It would end the test otherwise.
func checkGivenUp(t *testing.T, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := do(ctx)
	if !errors.Is(err, engine.ErrUnavailable) || cause.Of(cause.Name(ctx, cause.Internal, "", err)) != cause.Engine {
		t.Errorf("%v", err)
	}
}

// startEngine serves an engine's API on 127.0.0.1. Pings are answered.
func startEngine(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if r.URL.Path != "/_ping" {
			w.Header().Set("Content-Type", "application/json")
			serve(w, r)
		}
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return "tcp://" + strings.TrimPrefix(server.URL, "http://")
}

// TestNonsense has an engine answer every request with an empty object.
func TestNonsense(t *testing.T) {
	e := impatient(t, startEngine(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "{}") }), short)
	all := operations(e)
	for _, name := range []string{"info", "image", "create", "attach", "describe", "find", "look"} {
		t.Run(name, func(t *testing.T) { checkGivenUp(t, all[name]) })
	}
	for name, do := range all { // whatever they make of it, they end
		t.Run("any/"+name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_ = do(ctx)
			if ctx.Err() != nil {
				t.Error(ctx.Err())
			}
		})
	}
}

// TestStalled has a stream begin and then stand still.
func TestStalled(t *testing.T) {
	e := impatient(t, startEngine(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Docker-Container-Path-Stat", "e30=")
		_, _ = io.WriteString(w, `{"status": "begun"}`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), short)
	for name, do := range map[string]func(context.Context) error{
		"pull": func(ctx context.Context) error { return e.images.pull(ctx, "some", nil) },
		"push": func(ctx context.Context) error { _, err := e.images.Push(ctx, "some", nil, nil); return err },
		"copy out": func(ctx context.Context) error {
			r, err := (&Container{conn: e.conn, id: lateID}).CopyOut(ctx, "/x")
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }()
			_, err = io.Copy(io.Discard, r)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkGivenUp(t, do)
		})
	}
}

// TestSlowFerry has ferry itself be slower than an engine may be: that is no silence of the engine's.
func TestSlowFerry(t *testing.T) {
	const size = 8 << 20 // more than a socket's buffers hold
	e := impatient(t, startEngine(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body)
			return
		}
		w.Header().Set("X-Docker-Container-Path-Stat", "e30=")
		_, _ = w.Write(make([]byte, size))
	}), short)
	c := &Container{conn: e.conn, id: lateID}
	pause := func() { time.Sleep(2 * short.idle) }

	r, err := c.CopyOut(t.Context(), "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	pause()
	if n, err := io.Copy(io.Discard, &slow{Reader: r, pause: pause}); n != size || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := c.CopyIn(t.Context(), "/", &slow{Reader: bytes.NewReader(make([]byte, size)), pause: pause}); err != nil {
		t.Error(err)
	}
}

// slow pauses before its first reads.
type slow struct {
	io.Reader
	pause func()
	reads int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.reads++; s.reads <= 2 {
		s.pause()
	}
	return s.Reader.Read(p)
}
