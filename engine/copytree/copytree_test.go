package copytree_test

import (
	"archive/tar"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
	"github.com/genepattern/ferry/engine/docker"
	"github.com/genepattern/ferry/internal/tartree"
	"github.com/genepattern/ferry/internal/testenv"
)

// container is one that does not run, with /real, a link /link to it, and a file /file.
func container(t *testing.T) engine.Copier {
	t.Helper()
	e, err := docker.New(docker.Config{Host: testenv.Docker(t)})
	if err != nil {
		t.Fatal(err)
	}
	img, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/true"}, Network: "none", Labels: map[string]string{"ferry-test": "carry"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(context.Background()); err != nil {
			t.Error(err)
		}
		_ = e.Close()
	})
	r := tartree.Stream(func(w *tartree.Writer) error {
		return errors.Join(
			w.Header(&tar.Header{Typeflag: tar.TypeDir, Name: "real/", Mode: 0o711}),
			w.Header(&tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "real", Mode: 0o777}),
			w.Header(&tar.Header{Typeflag: tar.TypeReg, Name: "file", Mode: 0o644}),
		)
	})
	defer r.Close()
	copier, ok := engine.CopierOf(c)
	if !ok {
		t.Fatal("the container cannot be copied into")
	}
	if err := copier.CopyIn(t.Context(), "/", r); err != nil {
		t.Fatal(err)
	}
	return copier
}

// source is a directory with one file, to be brought to dest.
func source(t *testing.T, dest string) copytree.Dir {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o640); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return copytree.FromRoot(root, ".", dest, nil, nil)
}

func TestInFollowsLinksOfTheImage(t *testing.T) {
	t.Parallel()
	c := container(t)
	for dest, lands := range map[string]string{
		"/real": "/real/f", "/real/a/b": "/real/a/b/f", "/link/c/d": "/real/c/d/f", "/link": "/real/f", "/new/x/y": "/new/x/y/f",
	} {
		for _, quiet := range []bool{false, true} {
			if err := copytree.In(t.Context(), c, []copytree.Dir{source(t, dest)}, quiet); err != nil {
				t.Fatalf("%s: %v", dest, err)
			}
			if kind, err := c.Lstat(t.Context(), lands); err != nil || !kind.IsRegular() || kind.Perm() != 0o640 {
				t.Errorf("%s: %v, %v", lands, kind, err)
			}
			if kind, err := c.Lstat(t.Context(), "/link"); err != nil || kind&fs.ModeSymlink == 0 {
				t.Fatalf("%s: the link is %v now, %v", dest, kind, err)
			}
		}
	}
}

func TestInRefusesAFileOnTheWay(t *testing.T) {
	t.Parallel()
	c := container(t)
	for _, dest := range []string{"/file", "/file/x"} {
		if err := copytree.In(t.Context(), c, []copytree.Dir{source(t, dest)}, false); err == nil {
			t.Errorf("%s was taken", dest)
		}
	}
}

// TestLayer describes the directories of the image on the way as the image has them, and leaves links to the engine.
func TestLayer(t *testing.T) {
	t.Parallel()
	c := container(t)
	if _, err := copytree.Layer(t.Context(), c, []copytree.Dir{source(t, "/link/x")}); !errors.Is(err, copytree.ErrLink) {
		t.Errorf("below a link: %v", err)
	}
	l, err := copytree.Layer(t.Context(), c, []copytree.Dir{source(t, "/real/a/b"), source(t, "/real/a/c")})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	go func() { _ = l.Write(w); _ = w.Close() }()
	modes := map[string]int64{}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err != nil {
			break
		}
		if _, twice := modes[h.Name]; twice {
			t.Errorf("%q is there twice", h.Name)
		}
		modes[h.Name] = h.Mode & 0o777
	}
	want := map[string]int64{"real/": 0o711, "real/a/": 0o755, "real/a/b/": 0o755, "real/a/c/": 0o755, "real/a/b/f": 0o640, "real/a/c/f": 0o640}
	for name, mode := range want {
		if modes[name] != mode {
			t.Errorf("%q: %o, want %o", name, modes[name], mode)
		}
	}
	if len(modes) != len(want) {
		t.Errorf("entries: %v", modes)
	}
}

func TestOutRefusesAReplacedDirectory(t *testing.T) {
	t.Parallel()
	c := container(t)
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, dir := range []string{"/link", "/file"} {
		if err := copytree.Out(t.Context(), c, dir, tartree.Extractor{Root: root}); !errors.Is(err, tartree.ErrRefused) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
