package lab

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// A tarball is a file system in memory. The same calls give the same bytes.
type tarball struct {
	buf bytes.Buffer
	w   *tar.Writer
	err error
}

func newTarball() *tarball {
	t := &tarball{}
	t.w = tar.NewWriter(&t.buf)
	return t
}

func (t *tarball) add(h tar.Header, data []byte) {
	h.Size = int64(len(data))
	h.Format = tar.FormatPAX
	if t.err == nil {
		t.err = t.w.WriteHeader(&h)
	}
	if t.err == nil {
		_, t.err = t.w.Write(data)
	}
}

func (t *tarball) dir(name string, mode int64) {
	t.add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (t *tarball) file(name string, mode int64, data []byte) {
	t.add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, data)
}

func (t *tarball) link(name, target string) {
	t.add(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

func (t *tarball) hash() string {
	sum := sha256.Sum256(t.buf.Bytes())
	return hex.EncodeToString(sum[:])
}

func (t *tarball) reader() io.Reader { return bytes.NewReader(t.buf.Bytes()) }

// moduleFiles is the file system of a module image.
func moduleFiles(m Module) (*tarball, error) {
	busybox, err := staticProgram("/bin/busybox", "/usr/bin/busybox")
	if err != nil {
		return nil, err
	}
	t := newTarball()
	for _, d := range []string{"bin", "etc", "usr", "usr/bin"} {
		t.dir(d, 0o755)
	}
	t.dir("tmp", 0o1777)
	t.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/:/bin/sh\nmodule:x:1000:1000:module:/tmp:/bin/sh\n"))
	t.file("etc/group", 0o644, []byte("root:x:0:\nmodule:x:1000:\n"))
	t.file("bin/busybox", 0o755, busybox)
	links := []string{"true", "sleep"}
	if m != NoShell {
		if links, err = applets(); err != nil {
			return nil, err
		}
	}
	for _, name := range links {
		t.link("bin/"+name, "busybox")
	}
	if m != NoShell && m != Sh {
		bash, err := staticProgram("/bin/bash-static", "/usr/bin/bash-static")
		if err != nil {
			return nil, err
		}
		t.file("bin/bash", 0o755, bash)
		t.link("usr/bin/env", "../../bin/busybox")
	}
	if t.err == nil {
		t.err = t.w.Close()
	}
	return t, t.err
}

// staticProgram reads the first of the paths that exists.
func staticProgram(paths ...string) (data []byte, err error) {
	for _, p := range paths {
		if data, err = os.ReadFile(p); err == nil {
			return data, nil
		}
	}
	return nil, err
}

// applets are the names busybox answers to, but for bash, which Bash alone has.
func applets() ([]string, error) {
	out, err := exec.Command("busybox", "--list").Output()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range strings.Fields(string(out)) {
		if name = path.Base(name); name != "busybox" && name != "bash" {
			names = append(names, name)
		}
	}
	return names, nil
}
