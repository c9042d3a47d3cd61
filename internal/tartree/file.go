package tartree

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// file brings a regular file. Streams of container engines know times to the second only, so a file that is there is
// compared by content where size and second agree: it keeps its exact time if nothing changed.
func (x *Extractor) file(r io.Reader, h *tar.Header, name string) error {
	st, err := x.Root.Lstat(name)
	if err == nil && st.Mode().IsRegular() && st.Size() == h.Size && sameSecond(st.ModTime(), h.ModTime) {
		return x.compare(r, h, name, st)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return x.write(r, h, name)
}

func sameSecond(a, b time.Time) bool { return a.Unix() == b.Unix() }

// compare reads the file and the stream side by side, and writes the file anew from where they differ.
func (x *Extractor) compare(r io.Reader, h *tar.Header, name string, st fs.FileInfo) error {
	old, err := x.Root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer old.Close()
	have := make([]byte, len(x.buf))
	var same int64
	for same < h.Size {
		n, err := io.ReadFull(r, x.buf[:min(int64(len(x.buf)), h.Size-same)])
		if err != nil {
			return err
		}
		if m, err := old.ReadAt(have[:n], same); m < n {
			return fmt.Errorf("it changed meanwhile: %w", err)
		}
		if !bytes.Equal(have[:n], x.buf[:n]) {
			rest := io.MultiReader(io.NewSectionReader(old, 0, same), bytes.NewReader(bytes.Clone(x.buf[:n])), r)
			return x.write(rest, h, name)
		}
		same += int64(n)
	}
	if want := h.FileInfo().Mode().Perm(); st.Mode().Perm() != want {
		return x.Root.Chmod(name, want)
	}
	return nil
}

// write makes the file anew. A failure leaves no part of it.
func (x *Extractor) write(r io.Reader, h *tar.Header, name string) (err error) {
	if err := x.clear(name); err != nil {
		return err
	}
	f, err := x.Root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = x.Root.Chtimes(name, h.ModTime, h.ModTime)
		}
		if err != nil {
			_ = x.Root.Remove(name)
		}
	}()
	n, err := io.CopyBuffer(onlyWriter{&holes{f: f}}, onlyReader{r}, x.buf)
	if err == nil && n != h.Size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Truncate(h.Size) // it may end in a hole
	}
	if err != nil {
		return err
	}
	if x.Owners {
		if err := f.Chown(h.Uid, h.Gid); err != nil {
			return err
		}
	}
	return f.Chmod(h.FileInfo().Mode().Perm())
}

// holes writes a file without its zeros. A stream has a file of terabytes that take no space as so many zeros, and these would fill
// the disk.
type holes struct{ f *os.File }

func (h *holes) Write(p []byte) (int, error) {
	for at := 0; at < len(p); {
		block := p[at:min(at+holeSize, len(p))]
		at += len(block)
		if len(block) == holeSize && bytes.Equal(block, noBytes[:]) {
			if _, err := h.f.Seek(holeSize, io.SeekCurrent); err != nil {
				return 0, err
			}
			continue
		}
		if _, err := h.f.Write(block); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// holeSize is the least hole, in bytes.
const holeSize = 64 << 10

var noBytes [holeSize]byte

// onlyReader hides WriteTo, so that CopyBuffer uses its buffer.
type onlyReader struct{ io.Reader }
