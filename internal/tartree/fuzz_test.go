package tartree

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// archive makes a small stream of a text: a line for each entry, which is a type, a name, a link's target and a content.
func archive(spec string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, line := range strings.SplitN(spec, "\n", 12) {
		f := append(strings.SplitN(line, "|", 4), "", "", "", "")
		h := &tar.Header{Name: f[1], Linkname: f[2], Mode: 0o4755, Typeflag: tar.TypeReg, ModTime: time.Unix(int64(i), 0), Format: tar.FormatPAX}
		if f[0] != "" {
			h.Typeflag = f[0][0]
			h.Mode = int64(len(f[0])) * 0o111
		}
		content := f[3]
		if h.Typeflag != tar.TypeReg {
			content = ""
		}
		h.Size = int64(len(content))
		if w.WriteHeader(h) == nil {
			_, _ = io.WriteString(w, content)
		}
	}
	_ = w.Close()
	return b.Bytes()
}

// FuzzExtract holds that nothing outside the root is written or read, and that no more is there than the stream brought. Two streams come
// one after the other, since an engine's may be unpacked over what is there.
func FuzzExtract(f *testing.F) {
	for _, s := range []string{
		"0|a/b||text\n2|a/l|../../outside|\n0|a/l/x||in the link", "2|l|/|\n5|l||\n0|l/etc/x||x", "1|h|../outside/secret|\n0|h||over", "0|../outside/x||x", "5|d||\n2|d|../outside|\n0|d/x||x",
		"0|a||1\n1|b|a|\n0|b||2\n1|c|c|", "2|l|outside|\n1|h|l/secret|", "6|fifo||\n3|dev||\n4|dev||", "0|/etc/x||x\n0|./.||x\n5|.||", "2|.|../outside|\n0|x||x",
	} {
		f.Add(s, s, false)
		f.Add(string(archive(s)), s, true)
	}
	f.Fuzz(func(t *testing.T, first, second string, raw bool) {
		dir := t.TempDir()
		outside := filepath.Join(dir, "outside")
		if os.Mkdir(outside, 0o750) != nil || os.Mkdir(filepath.Join(dir, "root"), 0o755) != nil || os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o640) != nil {
			t.Fatal("no place to unpack in")
		}
		root, err := os.OpenRoot(filepath.Join(dir, "root"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }()
		for _, s := range []string{first, second} {
			data := []byte(s)
			if !raw {
				data = archive(s)
			}
			_ = (&Extractor{Root: root, Warn: func(string, ...any) {}}).Extract(t.Context(), bytes.NewReader(data))
			raw = false
		}
		check(t, dir)
		// What is there can be removed, whatever its modes are.
		_ = filepath.WalkDir(filepath.Join(dir, "root"), func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = os.Chmod(p, 0o700)
			}
			return nil
		})
	})
}

func check(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the root are %v, %v", entries, err)
	}
	outside := filepath.Join(dir, "outside")
	if in, err := os.ReadDir(outside); err != nil || len(in) != 1 {
		t.Errorf("outside has %v, %v", in, err)
	}
	if b, err := os.ReadFile(outside + "/secret"); err != nil || string(b) != "secret" {
		t.Errorf("the file outside is %q, %v", b, err)
	}
	secret, err := os.Stat(outside + "/secret")
	if err != nil || secret.Mode().Perm() != 0o640 {
		t.Fatalf("the file outside is %v, %v", secret, err)
	}
	err = filepath.WalkDir(filepath.Join(dir, "root"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case !d.IsDir() && !st.Mode().IsRegular():
			t.Errorf("%q is %v", p, st.Mode())
		case st.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0:
			t.Errorf("%q has the mode %v", p, st.Mode())
		case os.SameFile(st, secret):
			t.Errorf("%q is a link to the file outside", p)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
