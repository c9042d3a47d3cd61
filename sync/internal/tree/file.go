package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Directories are opened through os.Root, which sees to it that none lies outside of the tree. Files in them are opened,
// renamed and read by single system calls on the directory's descriptor and a name without a slash, never following a
// symlink: that leads nowhere else either, and spares the seven calls that os.Root and os.File make besides for each file
// (docs/sync.md).

// tempPrefix begins the names of files that are being written. Walks pass over such files, so that what a killed
// process left is never taken for data.
const tempPrefix = ".ferry-part-"

// IsTemp says whether name, without directories, is one that a file has while it is written.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

var (
	temps   atomic.Uint64
	process = strconv.Itoa(os.Getpid())
)

// A File is a file being written. It has a temporary name until Commit.
type File struct {
	dir  *Dir
	name string // final
	temp string
	fd   int
}

// Create begins the file at path, in a directory that is made where it is missing. A private file is its owner's alone until Commit
// gives it its permissions; another has those of the umask from the beginning.
func (t *Tree) Create(path string, private bool) (*File, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	above, name := split(path)
	d, err := t.Dir(above, true)
	if err != nil {
		return nil, err
	}
	d.swept.Do(d.sweep)
	mode := uint32(0o666)
	if private {
		mode = 0o600
	}
	f := &File{dir: d, name: name}
	for range 3 { // another process, in a container of its own, may have our number and have been killed
		f.temp = tempPrefix + process + "-" + strconv.FormatUint(temps.Add(1), 36) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
		f.fd, err = retry(func() (int, error) {
			return unix.Openat(d.fd(), f.temp, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		})
		if err == nil && !lock(f.fd) { // somebody takes it for a dead one's, and will remove it
			_ = unix.Close(f.fd)
			err = unix.EEXIST
		}
		if err != unix.EEXIST {
			break
		}
	}
	if err != nil {
		d.Release()
		return nil, f.named(err)
	}
	return f, nil
}

// Write writes what follows.
func (f *File) Write(p []byte) (int, error) {
	return f.all(p, func(p []byte, _ int) (int, error) { return unix.Write(f.fd, p) })
}

// WriteAt may be called concurrently.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	return f.all(p, func(p []byte, done int) (int, error) { return unix.Pwrite(f.fd, p, off+int64(done)) })
}

// ReadAt reads what was written.
func (f *File) ReadAt(p []byte, off int64) (done int, err error) {
	for done < len(p) {
		n, err := retry(func() (int, error) { return unix.Pread(f.fd, p[done:], off+int64(done)) })
		if err != nil {
			return done, f.named(err)
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

func (f *File) all(p []byte, write func(p []byte, done int) (int, error)) (done int, err error) {
	for done < len(p) {
		n, err := retry(func() (int, error) { return write(p[done:], done) })
		if err != nil {
			return done, f.named(err)
		}
		if n == 0 {
			return done, f.named(unix.EIO)
		}
		done += n
	}
	return done, nil
}

func (f *File) named(err error) error {
	return fmt.Errorf("writing %s: %w", f.dir.quoted(f.name), f.dir.writable(err))
}

// Attributes are what a file gets besides its content.
type Attributes struct {
	Perm    fs.FileMode // where HasPerm
	HasPerm bool
	ModTime time.Time // zero leaves it
	Mark    []byte    // kept with the file where the file system can, see Entry.Mark; nil for none
}

// Commit gives the file its attributes and its name, replacing what has it. After an error nothing is left.
func (f *File) Commit(a Attributes) error {
	err := f.finish(a)
	if cerr := unix.Close(f.fd); err == nil && cerr != unix.EINTR {
		err = cerr
	}
	if err == nil {
		err = unix.Renameat(f.dir.fd(), f.temp, f.dir.fd(), f.name)
	}
	switch err {
	case nil:
		f.dir.Release()
		return nil
	case unix.EISDIR, unix.ENOTEMPTY, unix.EEXIST:
		err = fmt.Errorf("a directory is where the file must be: %w", err)
	}
	f.remove()
	return f.named(err)
}

func (f *File) finish(a Attributes) error {
	if a.Mark != nil { // before the permissions: who is not root may mark only what is writable
		setMark(f.fd, a.Mark)
	}
	if a.HasPerm {
		if err := unix.Fchmod(f.fd, uint32(a.Perm)); err != nil {
			return err
		}
	}
	if !a.ModTime.IsZero() {
		return setTime(f.fd, a.ModTime)
	}
	return nil
}

// Abort removes what was written.
func (f *File) Abort() {
	_ = unix.Close(f.fd) // what is lost in it is removed
	f.remove()
}

func (f *File) remove() {
	_ = unix.Unlinkat(f.dir.fd(), f.temp, 0) // a file that stays has a name that every walk passes over
	f.dir.Release()
}

// retry makes a call again that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// A Source is a file being read.
type Source struct {
	fd   int
	file *os.File // that holds fd, unless it is the Source's own
	Info Entry    // what the file is now: size, times, mode
}

var errNoFile = errors.New("not a regular file")

// isLink says whether an open failed because of a symlink on the path.
func isLink(err error) bool { return err == unix.ELOOP || errors.Is(err, ErrLink) }

// OpenSource opens the file at path, following symlinks within the tree where the walk did.
func (t *Tree) OpenSource(path string, link bool) (*Source, error) {
	s := &Source{fd: -1}
	dir, name := split(path)
	if !link {
		d, err := t.Dir(dir, false)
		if err == nil {
			// Not blocking, should a pipe have come into the file's place.
			s.fd, err = retry(func() (int, error) {
				return unix.Openat(d.fd(), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			})
			d.Release()
		}
		if err != nil && !isLink(err) {
			return nil, err
		}
	}
	if s.fd < 0 {
		r, n, _, err := t.target(path)
		if err != nil {
			return nil, pathless(err)
		}
		f, err := r.OpenFile(n, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, pathless(err)
		}
		s.file, s.fd = f, int(f.Fd())
	}
	var st unix.Stat_t
	err := unix.Fstat(s.fd, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errNoFile
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	s.Info = Entry{Path: path, Size: st.Size, ModTime: timeOf(st.Mtim), Change: timeOf(st.Ctim), Mode: modeOf(&st)}
	return s, nil
}

// Changed reports whether the file is another one than when it was opened, or gone: nobody can open it any more, and its content is what it was.
func (s *Source) Changed() (changed, gone bool) {
	var st unix.Stat_t
	if err := unix.Fstat(s.fd, &st); err != nil {
		return true, false
	}
	content := st.Size != s.Info.Size || !timeOf(st.Mtim).Equal(s.Info.ModTime)
	return content || !timeOf(st.Ctim).Equal(s.Info.Change), st.Nlink == 0 && !content
}

// ReadAt is that of io.ReaderAt. A file that became shorter is io.ErrUnexpectedEOF.
func (s *Source) ReadAt(p []byte, off int64) (done int, err error) {
	for done < len(p) {
		n, err := retry(func() (int, error) { return unix.Pread(s.fd, p[done:], off+int64(done)) })
		if err != nil {
			return done, err
		}
		if n == 0 {
			return done, io.ErrUnexpectedEOF
		}
		done += n
	}
	return done, nil
}

// Close closes it.
func (s *Source) Close() {
	if s.file != nil {
		_ = s.file.Close() // it was only read
	} else {
		_ = unix.Close(s.fd)
	}
}
