package tartree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/readahead"
)

// bufferSize is what is read at once: large enough that system calls are few, small against ferry's 64 MiB.
const bufferSize = 256 << 10

// maxPath bounds how deep a tree is read and written, in bytes of a path; it is the kernel's PATH_MAX.
const maxPath = 4096

// A Writer puts trees into one tar stream. It is for one goroutine.
type Writer struct {
	// Skip leaves out a file, or a directory with all in it; name is the one in the root. nil leaves out nothing.
	Skip func(name string) bool
	// Warn is told of what a tar cannot carry or the far end should not have: sockets, pipes and devices. May be nil.
	Warn func(format string, args ...any)
	// Steady gives directories and symbolic links one time, so that the same files make the same stream: unlike those of
	// files, their times only tell when they were last staged.
	Steady bool

	tw    *tar.Writer
	buf   []byte
	dry   bool             // nothing is read; see Measure
	links map[inode]string // first name in the stream of each file that has several
}

type inode struct{ dev, ino uint64 }

// NewWriter makes a Writer onto w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{tw: tar.NewWriter(w), buf: make([]byte, bufferSize), links: map[inode]string{}}
}

// Close writes the stream's end. It does not close what lies below.
func (w *Writer) Close() error { return w.tw.Close() }

// Tree writes what is at name in root, with all below it, under the name as. With inside the directory itself is left
// out and only what is in it is written.
func (w *Writer) Tree(ctx context.Context, root *os.Root, name, as string, inside bool) error {
	return fs.WalkDir(root.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if len(p) > maxPath {
			return fmt.Errorf("reading %q…: it is deeper than a path can be", p[:100])
		}
		if p != name && w.Skip != nil && w.Skip(p) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if p == name && inside {
			return nil
		}
		rel := p[len(name):]
		if name == "." {
			rel = "/" + p
		}
		if p == "." {
			rel = ""
		}
		return w.entry(root, p, path.Join(as, rel), d)
	})
}

// entry writes one file, link or directory.
func (w *Writer) entry(root *os.Root, name, as string, d fs.DirEntry) error {
	st, err := d.Info()
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	h := header(st, as)
	switch st.Mode().Type() {
	case fs.ModeDir:
		h.Name += "/"
		return w.Header(h)
	case fs.ModeSymlink:
		if h.Linkname, err = root.Readlink(name); err != nil {
			return fmt.Errorf("reading link %q: %w", name, err)
		}
		return w.Header(h)
	case 0:
		if first := w.seen(st, h.Name); first != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return w.tw.WriteHeader(h)
		}
		return w.file(root, name, st, h)
	}
	if w.Warn != nil {
		w.Warn("%q is a %s and is left out", name, kind(st.Mode()))
	}
	return nil
}

// file writes a regular file. It does not follow a link that took its place meanwhile, nor wait for a pipe that did.
func (w *Writer) file(root *os.Root, name string, st fs.FileInfo, h *tar.Header) error {
	if w.Steady {
		h.ModTime, h.Format = h.ModTime.Truncate(time.Second), tar.FormatUnknown // as an engine's own layers have it
	}
	if w.dry {
		return w.blank(h)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(st, now) {
		return fmt.Errorf("reading %q: it was replaced meanwhile", name)
	}
	if err := w.tw.WriteHeader(h); err != nil {
		return err
	}
	// Reading more than the header says would end the stream in an error; less must.
	n, err := io.CopyBuffer(onlyWriter{w.tw}, io.LimitReader(f, h.Size), w.buf)
	if err == nil && n < h.Size {
		err = fmt.Errorf("reading %q: it became shorter meanwhile: %w", name, io.ErrUnexpectedEOF)
	}
	return err
}

// onlyWriter hides ReadFrom, so that CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

// seen is the name under which the file is in the stream already, "" for one that is new.
func (w *Writer) seen(st fs.FileInfo, as string) string {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || sys.Nlink < 2 {
		return ""
	}
	id := inode{uint64(sys.Dev), sys.Ino}
	first := w.links[id]
	if first == "" {
		w.links[id] = as
	}
	return first
}

// header describes st. Names of users and groups are left out: what counts at the far end are numbers.
func header(st fs.FileInfo, as string) *tar.Header {
	h := &tar.Header{Name: strings.TrimPrefix(as, "/"), ModTime: st.ModTime(), Mode: mode(st.Mode()), Format: tar.FormatPAX}
	switch st.Mode().Type() {
	case fs.ModeDir:
		h.Typeflag = tar.TypeDir
	case fs.ModeSymlink:
		h.Typeflag = tar.TypeSymlink
	default:
		h.Typeflag, h.Size = tar.TypeReg, st.Size()
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		h.Uid, h.Gid = int(sys.Uid), int(sys.Gid)
	}
	return h
}

// mode is m's bits as tar numbers them, which is as chmod does.
func mode(m fs.FileMode) int64 {
	bits := int64(m.Perm())
	for _, b := range []struct {
		is  fs.FileMode
		bit int64
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&b.is != 0 {
			bits |= b.bit
		}
	}
	return bits
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	}
	return "device"
}

// Stream gives what f writes as a reader; f is ahead of it by some buffers. An error of f is the reader's. The caller
// reads to the end or closes.
func Stream(f func(*Writer) error) io.ReadCloser {
	return readahead.Reader(func(out io.Writer) error {
		w := NewWriter(out)
		if err := f(w); err != nil {
			return err
		}
		return w.Close()
	})
}

// Parent writes a directory that is in no root, such as one on the way to a tree that the far end lacks.
func (w *Writer) Parent(as string) error {
	return w.Header(&tar.Header{Typeflag: tar.TypeDir, Name: as + "/", Mode: 0o755, ModTime: steadyTime, Format: tar.FormatPAX})
}

// Raw writes a directory as it is, Steady or not.
func (w *Writer) Raw(h *tar.Header) error { return w.tw.WriteHeader(h) }

// Header writes what begins an entry.
func (w *Writer) Header(h *tar.Header) error {
	if w.Steady && (h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeSymlink) {
		h.ModTime = steadyTime
	}
	return w.tw.WriteHeader(h)
}

// steadyTime is what Steady gives.
var steadyTime = time.Unix(0, 0)

// Copy writes the entries of another stream. rename gives each its new name, and false for one that is left out; a hard
// link to one that is left out is left out too.
func (w *Writer) Copy(ctx context.Context, r io.Reader, rename func(string) (string, bool)) error {
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("reading the stream of files: %w", err)
		}
		name, ok := rename(h.Name)
		if !ok {
			continue
		}
		if h.Typeflag == tar.TypeDir {
			name += "/"
		}
		if h.Typeflag == tar.TypeLink {
			if h.Linkname, ok = rename(h.Linkname); !ok {
				continue
			}
		}
		h.Name = name
		if err := w.Header(h); err != nil {
			return err
		}
		if _, err := io.CopyBuffer(onlyWriter{w.tw}, onlyReader{tr}, w.buf); err != nil {
			return err
		}
	}
}
