package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
)

func testMounts(ctx context.Context, t *testing.T, h Harness) {
	if !h.Mounts {
		return
	}
	dir := t.TempDir()
	for _, sub := range []string{"out", "in"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "a b"), []byte("input"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, out := h.run(ctx, t, func(s *engine.Spec) {
		s.Workdir = "/jobs/1"
		s.Mounts = []engine.Mount{
			{Source: filepath.Join(dir, "out"), Target: "/jobs/1"},
			{Source: filepath.Join(dir, "in"), Target: "/jobs/in", ReadOnly: true},
		}
	}, `cat "/jobs/in/a b" >result; echo x 2>/dev/null >/jobs/in/new && echo written`)
	ended(ctx, t, c)
	got, err := os.ReadFile(filepath.Join(dir, "out", "result"))
	if err != nil || string(got) != "input" {
		t.Errorf("what the module wrote: %q, %v", got, err)
	}
	if out.stdout.has("written") && h.enforces(ctx, t).ReadOnly {
		t.Error("a read-only mount was written")
	}

	gone := engine.Spec{
		Image: h.image(ctx, t), Command: []string{"/bin/sh"}, Network: "none", Labels: map[string]string{"ferry.test": h.Label},
		Mounts: []engine.Mount{{Source: filepath.Join(dir, "none"), Target: "/jobs/1"}},
	}
	if c, err := h.Engine.Create(ctx, gone); err == nil {
		defer func() { _ = c.Remove(context.WithoutCancel(ctx)) }()
		if err := c.Start(ctx, io.Discard, io.Discard); err == nil {
			t.Error("a mount whose source does not exist was taken")
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing source was made: %v", err)
	}
}

// testCopyRoundTrip copies a tree in before the start and out after the end.
func testCopyRoundTrip(ctx context.Context, t *testing.T, h Harness) {
	c := h.create(ctx, t, nil, "/bin/sh", "-c", `cat "/jobs/in/a b" >/jobs/out/result; [ -x /jobs/in/run ] && echo executable; readlink /jobs/in/link`)
	copier, ok := engine.CopierOf(c)
	if !ok {
		if h.Isolated {
			t.Fatal("an isolated container is no Copier")
		}
		return
	}
	when := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	var in bytes.Buffer
	w := tar.NewWriter(&in)
	for _, e := range []struct {
		header tar.Header
		body   string
	}{
		{tar.Header{Name: "jobs/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "jobs/in/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "jobs/out/", Typeflag: tar.TypeDir, Mode: 0o700}, ""},
		{tar.Header{Name: "jobs/in/a b", Typeflag: tar.TypeReg, Mode: 0o640}, "input"},
		{tar.Header{Name: "jobs/in/run", Typeflag: tar.TypeReg, Mode: 0o755}, "#!/bin/sh\n"},
		{tar.Header{Name: "jobs/in/link", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "a b"}, ""},
	} {
		e.header.ModTime, e.header.Size = when, int64(len(e.body))
		if err := w.WriteHeader(&e.header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := copier.CopyIn(ctx, "/", &in); err != nil {
		t.Fatal(err)
	}
	out := &output{}
	if err := c.Start(ctx, &out.stdout, &out.stderr); err != nil {
		t.Fatal(err)
	}
	if exit := ended(ctx, t, c); exit.Code != 0 {
		t.Fatalf("%+v %s", exit, out.stderr.String())
	}
	if got := out.stdout.String(); got != "executable\na b\n" {
		t.Errorf("the module saw %q", got)
	}
	if got := copyOut(ctx, t, copier, "/jobs/out")["out/result"]; got.body != "input" {
		t.Errorf("the result is %q", got.body)
	}
	files := copyOut(ctx, t, copier, "/jobs/in")
	if f := files["in/a b"]; f.body != "input" || f.Mode&0o777 != 0o640 || !f.ModTime.Equal(when) {
		t.Errorf("a file that was copied in comes out as %q, %+v", f.body, f.Header)
	}
	if f := files["in/link"]; f.Header == nil || f.Typeflag != tar.TypeSymlink || f.Linkname != "a b" {
		t.Errorf("a link comes out as %+v", f.Header)
	}
	if r, err := copier.CopyOut(ctx, "/none/such"); err == nil {
		_ = r.Close()
		t.Error("a path that does not exist was copied out")
	}
}

type copied struct {
	*tar.Header
	body string
}

func copyOut(ctx context.Context, t *testing.T, c engine.Copier, path string) map[string]copied {
	t.Helper()
	r, err := c.CopyOut(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string]copied{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(h.Name, "./")] = copied{h, string(body)}
	}
}
