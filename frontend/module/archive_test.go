package module

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/genepattern/ferry/cause"
)

const simple = "name=Demo\ncommandLine=run\n"

// A zipEntry is one entry of a zip in the making.
type zipEntry struct {
	name, text string
	mode       fs.FileMode
}

func zipOf(t testing.TB, entries ...zipEntry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode == 0 {
			e.mode = 0o644
		}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(f, e.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestUnpack(t *testing.T) {
	name := save(t, "Demo.zip", zipOf(t, zipEntry{"manifest", simple, 0}, zipEntry{"bin/", "", fs.ModeDir | 0o755}, zipEntry{"bin/run.sh", "#!/bin/sh\n", 0o700}, zipEntry{"deep/er/x.txt", "x", 0o600}))
	s, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	dir := t.TempDir()
	if err := s.Unpack(dir); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"manifest": 0o644, "bin/run.sh": 0o755, "deep/er/x.txt": 0o644} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v (%v)", name, st.Mode(), err)
		}
	}
}

func TestBadZips(t *testing.T) {
	manifest := zipEntry{"manifest", simple, 0}
	for want, data := range map[string][]byte{
		`its entry "../x" leads out of it`:   zipOf(t, manifest, zipEntry{"../x", "", 0}),
		`its entry "a/../../x" leads out`:    zipOf(t, manifest, zipEntry{"a/../../x", "", 0}),
		`its entry "/etc/x" leads out of it`: zipOf(t, manifest, zipEntry{"/etc/x", "", 0}),
		`leads out of it`:                    zipOf(t, manifest, zipEntry{`..\x`, "", 0}),
		`its entry "l" is a link`:            zipOf(t, manifest, zipEntry{"l", "/etc/passwd", fs.ModeSymlink | 0o777}),
		`its entry "p" is neither a file`:    zipOf(t, manifest, zipEntry{"p", "", fs.ModeNamedPipe | 0o644}),
		"it has two manifests":               zipOf(t, manifest, manifest),
		`its entry "a" is there twice`:       zipOf(t, manifest, zipEntry{"a", "", 0}, zipEntry{"a", "", 0}),
		`its entry "a" is a file and a dir`:  zipOf(t, manifest, zipEntry{"a/b", "", 0}, zipEntry{"a", "", 0}),
		`more than 100 directories deep`:     zipOf(t, manifest, zipEntry{strings.Repeat("d/", 101) + "f", "", 0}),
		"it has no manifest at its top, and": zipOf(t, zipEntry{"a", "", 0}),
		"there is one at Demo/manifest":      zipOf(t, zipEntry{"Demo/manifest", simple, 0}),
		"line 2":                             zipOf(t, zipEntry{"manifest", "name=x\na=\\u12", 0}),
		"it is no zip":                       []byte("PK nothing"),
		"its manifest is larger than":        zipOf(t, zipEntry{"manifest", simple + strings.Repeat("#", maxManifest), 0}),
		"is a zip of zips (A.zip, B.zip)":    zipOf(t, zipEntry{"B.zip", "", 0}, zipEntry{"A.zip", "", 0}),
	} {
		_, err := Open(save(t, "Bad.zip", data))
		c := cause.Usage
		if strings.Contains(want, "zip of zips") {
			c = cause.Refused
		}
		if err == nil || !strings.Contains(err.Error(), want) || cause.Of(err) != c {
			t.Errorf("%v (%s)\nwant %s", err, cause.Of(err), want)
		}
	}
	url := "https://example.org/all.zip"
	_, err := OpenAs(save(t, "all.zip", zipOf(t, zipEntry{"A.zip", "", 0})), url)
	if err == nil || !strings.Contains(err.Error(), "module "+url+" is a zip of zips") || cause.HintOf(err) != "fetch it, and run its modules one by one, as all.zip/A.zip" {
		t.Errorf("%v (%s)", err, cause.HintOf(err))
	}
	// A pipe would be waited for: whoever lists a directory of somebody else's would wait for ever.
	dir := t.TempDir()
	for _, name := range []string{"pipe.zip", "manifest"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Open(strings.TrimSuffix(filepath.Join(dir, name), "/manifest"))
		if err == nil || !strings.Contains(err.Error(), "it is no regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open("/none/x.zip"); err == nil || !strings.Contains(err.Error(), "module /none/x.zip: no such file or directory") {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "it has no manifest at its top") {
		t.Errorf("%v", err)
	}
}

// Ten gigabytes of zeros are ten megabytes of zip. Neither a zip that says so nor one that lies is unpacked.
func TestZeros(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create("manifest")
	if err == nil {
		_, err = io.WriteString(f, simple)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		f, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, UncompressedSize64: 5 << 30, CompressedSize64: 2})
		if err == nil {
			_, err = f.Write([]byte{3, 0})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(save(t, "Zeros.zip", buf.Bytes())); err == nil || !strings.Contains(err.Error(), "it unpacks to more than 8 GiB") {
		t.Errorf("%v", err)
	}
	z, err := zip.NewReader(bytes.NewReader(zipOf(t, zipEntry{"zeros", strings.Repeat("\x00", 1<<20), 0})), int64(len(zipOf(t, zipEntry{"zeros", strings.Repeat("\x00", 1<<20), 0}))))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	left := int64(1000)
	if err := unpackOne(root, z.File[0], &left); err == nil || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Errorf("a lie: %v", err)
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	inner := zipOf(t, zipEntry{"manifest", "name=Inner\ncommandLine=run\n", 0})
	save(t, filepath.Join(dir, "Demo.zip"), zipOf(t, zipEntry{"manifest", simple, 0}))
	save(t, filepath.Join(dir, "src/manifest"), []byte("name=Source\ncommandLine=run\n"))
	save(t, filepath.Join(dir, "src/sub/manifest"), []byte("name=NotListed\ncommandLine=run\n"))
	save(t, filepath.Join(dir, "all.zip"), zipOf(t, zipEntry{"A.zip", string(inner), 0}, zipEntry{"more.zip", string(zipOf(t, zipEntry{"B.zip", string(inner), 0})), 0}))
	save(t, filepath.Join(dir, "View.zip"), zipOf(t, zipEntry{"manifest", "name=View\ncommandLine=run\ntaskType=Visualizer\n", 0}))
	save(t, filepath.Join(dir, "broken.zip"), []byte("no"))
	all, err := List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range all {
		line := strings.TrimPrefix(l.Path, dir+"/") + " " + l.Manifest.Name
		if l.Err != nil {
			line += " !"
		}
		got = append(got, line)
	}
	want := "Demo.zip Demo\nView.zip View !\nall.zip/A.zip Inner\nall.zip/more.zip/B.zip Inner\nbroken.zip  !\nsrc Source"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	s, err := Open(filepath.Join(dir, "all.zip/more.zip/B.zip"))
	if err != nil || s.Manifest.Name != "Inner" {
		t.Fatalf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "ferry-module-*.zip")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := Open(filepath.Join(dir, "all.zip/None.zip")); err == nil || !strings.Contains(err.Error(), "it holds no None.zip") {
		t.Errorf("%v", err)
	}
}
