package tartree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openRoot is a root at a new directory, or at dir below it.
func openRoot(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

var when = time.Date(2003, 4, 5, 6, 7, 8, 123456789, time.UTC)

// plant makes a tree of everything that a tree may hold.
func plant(t *testing.T, dir string) {
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t,
		os.MkdirAll(at("lib/deep/er"), 0o755), os.Mkdir(at("lib/empty"), 0o750), os.Mkdir(at("lib/skipped"), 0o755),
		os.WriteFile(at("lib/run.sh"), []byte("#!/bin/sh\n"), 0o755),
		os.WriteFile(at("lib/a name with spaces * ? %"), []byte("x"), 0o640),
		os.WriteFile(at("lib/deep/er/big"), bytes.Repeat([]byte("0123456789"), 100_000), 0o600),
		os.WriteFile(at("lib/nothing"), nil, 0o644),
		os.WriteFile(at("lib/"+strings.Repeat("long", 50)), []byte("long"), 0o644),
		os.WriteFile(at("lib/skipped/secret"), []byte("secret"), 0o644),
		os.Symlink("run.sh", at("lib/link")), os.Symlink("/etc/passwd", at("lib/out")), os.Symlink("gone", at("lib/dangling")),
		os.Link(at("lib/run.sh"), at("lib/deep/hard")),
		syscall.Mkfifo(at("lib/pipe"), 0o644),
		os.Chtimes(at("lib/run.sh"), when, when), os.Chtimes(at("lib/empty"), when, when),
	)
}

// list describes every file below dir by name: type, mode, size, time, link.
func list(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		desc := st.Mode().String()
		if st.Mode().IsRegular() {
			desc += fmt.Sprintf(" %d links %d", st.Size(), st.Sys().(*syscall.Stat_t).Nlink)
		}
		if st.Mode()&fs.ModeSymlink != 0 {
			to, _ := os.Readlink(p)
			desc += " -> " + to
		} else {
			desc += " " + st.ModTime().UTC().Format(time.RFC3339Nano)
		}
		files[rel] = desc
		return nil
	}))
	return files
}

func TestRoundTrip(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	plant(t, from)
	var warned []string
	src := openRoot(t, from)
	r := Stream(func(w *Writer) error {
		w.Skip = func(name string) bool { return name == "lib/skipped" }
		w.Warn = func(f string, a ...any) { warned = append(warned, fmt.Sprintf(f, a...)) }
		return w.Tree(t.Context(), src, "lib", "opt/lib", false)
	})
	x := Extractor{Root: openRoot(t, to), Strip: 1}
	must(t, x.Extract(t.Context(), r))
	want := list(t, filepath.Join(from, "lib"))
	delete(want, "skipped")
	delete(want, "skipped/secret")
	delete(want, "pipe")
	got := list(t, filepath.Join(to, "lib"))
	for name, desc := range want {
		if got[name] != desc {
			t.Errorf("%q: got %q, want %q", name, got[name], desc)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("besides: %v", got)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "pipe") {
		t.Errorf("warnings: %q", warned)
	}
}

// TestSecondsOnly is what comes back from an engine that knows times to the second: an unchanged file keeps its time, a
// changed one does not pass for unchanged.
func TestSecondsOnly(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"same", "changed", "mode"} {
		must(t, os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte{'a'}, 600_000), 0o644),
			os.Chtimes(filepath.Join(dir, name), when, when))
	}
	changed := bytes.Repeat([]byte{'a'}, 600_000)
	changed[550_000] = 'b'
	var in bytes.Buffer
	tw := tar.NewWriter(&in)
	for name, body := range map[string][]byte{"same": bytes.Repeat([]byte{'a'}, 600_000), "changed": changed, "mode": bytes.Repeat([]byte{'a'}, 600_000)} {
		mode := int64(0o644)
		if name == "mode" {
			mode = 0o700
		}
		must(t, tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(body)), ModTime: when.Truncate(time.Second)}))
		_, err := tw.Write(body)
		must(t, err)
	}
	must(t, tw.Close(), (&Extractor{Root: openRoot(t, dir)}).Extract(t.Context(), &in))
	if st, err := os.Stat(filepath.Join(dir, "same")); err != nil || !st.ModTime().Equal(when) {
		t.Errorf("an unchanged file: %v, %v", st, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "changed")); err != nil || !bytes.Equal(got, changed) {
		t.Errorf("a changed file was not written: %v", err)
	}
	if st, err := os.Stat(filepath.Join(dir, "mode")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("a changed mode: %v, %v", st, err)
	}
}

func TestHostile(t *testing.T) {
	type e = tar.Header
	reg, dir, sym, link := byte(tar.TypeReg), byte(tar.TypeDir), byte(tar.TypeSymlink), byte(tar.TypeLink)
	for name, entries := range map[string][]e{
		"dots":             {{Name: "../evil", Typeflag: reg, Mode: 0o644}},
		"dots inside":      {{Name: "a/../../evil", Typeflag: reg, Mode: 0o644}},
		"absolute":         {{Name: "/evil", Typeflag: reg, Mode: 0o644}},
		"link out":         {{Name: "a", Typeflag: sym, Linkname: ".."}, {Name: "a/evil", Typeflag: reg, Mode: 0o644}},
		"absolute link":    {{Name: "a", Typeflag: sym, Linkname: "/tmp"}, {Name: "a/evil", Typeflag: dir, Mode: 0o755}},
		"link within":      {{Name: "a", Typeflag: sym, Linkname: "victim"}, {Name: "a/evil", Typeflag: reg, Mode: 0o644}},
		"planted link":     {{Name: "planted/evil", Typeflag: reg, Mode: 0o644}},
		"hard link out":    {{Name: "a", Typeflag: link, Linkname: "../outside"}},
		"hard link to sym": {{Name: "a", Typeflag: sym, Linkname: "../outside"}, {Name: "b", Typeflag: link, Linkname: "a"}},
		"file as parent":   {{Name: "a", Typeflag: reg, Mode: 0o644}, {Name: "a/evil", Typeflag: reg, Mode: 0o644}},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			to := filepath.Join(top, "to")
			must(t, os.MkdirAll(filepath.Join(to, "victim"), 0o755), os.WriteFile(filepath.Join(top, "outside"), []byte("outside"), 0o600),
				os.Symlink("victim", filepath.Join(to, "planted")))
			var in bytes.Buffer
			tw := tar.NewWriter(&in)
			for _, h := range entries {
				must(t, tw.WriteHeader(&h))
			}
			must(t, tw.Close())
			err := (&Extractor{Root: openRoot(t, to)}).Extract(t.Context(), &in)
			if !errors.Is(err, ErrRefused) {
				t.Errorf("got %v, want ErrRefused", err)
			}
			must(t, filepath.WalkDir(top, func(p string, _ fs.DirEntry, err error) error {
				if filepath.Base(p) == "evil" {
					t.Errorf("%q was made", p)
				}
				return err
			}))
		})
	}
}

func TestDeviceIsLeftOut(t *testing.T) {
	var in bytes.Buffer
	tw := tar.NewWriter(&in)
	must(t, tw.WriteHeader(&tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}),
		tw.WriteHeader(&tar.Header{Name: "setuid", Typeflag: tar.TypeReg, Mode: 0o4755}), tw.Close())
	dir := t.TempDir()
	var warned int
	x := Extractor{Root: openRoot(t, dir), Warn: func(string, ...any) { warned++ }}
	must(t, x.Extract(t.Context(), &in))
	if _, err := os.Lstat(filepath.Join(dir, "null")); !errors.Is(err, fs.ErrNotExist) || warned != 1 {
		t.Errorf("a device: %v, %d warnings", err, warned)
	}
	if st, err := os.Stat(filepath.Join(dir, "setuid")); err != nil || st.Mode() != 0o755 {
		t.Errorf("a setuid file comes out as %v, %v", st.Mode(), err)
	}
}

// TestCutShort leaves no part of a file whose stream ends early.
func TestCutShort(t *testing.T) {
	var in bytes.Buffer
	tw := tar.NewWriter(&in)
	must(t, tw.WriteHeader(&tar.Header{Name: "big", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1 << 20}))
	_, err := io.WriteString(tw, "a beginning")
	must(t, err)
	dir := t.TempDir()
	if err := (&Extractor{Root: openRoot(t, dir)}).Extract(t.Context(), &in); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if got := list(t, dir); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

func TestCancel(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := Stream(func(w *Writer) error { return w.Tree(ctx, openRoot(t, dir), ".", "", true) })
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A hard link to what is left out is left out too, and all else is unpacked.
func TestHardLinkToSkipped(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{{Name: "a/skipped", Typeflag: tar.TypeReg, Mode: 0o644}, {Name: "a/link", Typeflag: tar.TypeLink, Linkname: "a/skipped"}, {Name: "b", Typeflag: tar.TypeReg, Mode: 0o644}} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	warned := 0
	x := Extractor{Root: root, Skip: func(n string) bool { return n == "a/skipped" }, Warn: func(string, ...any) { warned++ }}
	if err := x.Extract(t.Context(), &b); err != nil || warned != 1 {
		t.Errorf("%v, %d warnings", err, warned)
	}
	if _, err := root.Stat("b"); err != nil {
		t.Error(err)
	}
}
