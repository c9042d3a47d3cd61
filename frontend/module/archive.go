package module

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/genepattern/ferry/cause"
)

// The limits of what a module may hold. They bound a zip that says it is small, too.
const (
	maxManifest = 1 << 20
	maxEntries  = 200_000
	maxBytes    = MaxBytes
	maxDeep     = 100 // directories in each other
)

// MaxBytes is the most that a module's files may have together, and so its zip.
const MaxBytes = 8 << 30

// A Source is a module where it lies: a directory, a zip, or a zip in a zip.
type Source struct {
	Name     string // as it was given
	file     string // where it is
	Dir      string // of a directory, else ""
	Manifest Manifest
	Files    fs.FS

	zip   *zip.Reader
	raw   io.ReaderAt // the zip's bytes
	size  int64
	close []func() error
}

// Close gives up what Open opened.
func (s *Source) Close() error {
	var all []error
	for _, f := range slices.Backward(s.close) {
		all = append(all, f())
	}
	s.close = nil
	return errors.Join(all...)
}

// Open opens a module. A path may go on inside a zip: modules.zip/Demo.zip. Its errors have the cause cause.Usage, and for a pipeline
// cause.Refused.
func Open(name string) (*Source, error) { return OpenAs(name, name) }

// OpenAs opens a module that its errors call by another name: the URL that it was fetched from.
func OpenAs(file, name string) (*Source, error) {
	s := &Source{Name: name, file: file}
	if err := s.open(); err != nil {
		_ = s.Close()
		if cause.Is(err) {
			return nil, err
		}
		return nil, cause.Fail(cause.Usage, "", "module %s: %w", name, err)
	}
	return s, nil
}

func (s *Source) open() error {
	file, inner, err := splitPath(s.file)
	if err != nil {
		return err
	}
	if st, err := os.Stat(file); err == nil && st.IsDir() {
		return s.openDir(file)
	}
	if err := s.openFile(file, inner); err != nil {
		return err
	}
	return s.openZip()
}

// openFile opens a zip, and one by one the zips in it.
func (s *Source) openFile(file string, inner []string) error {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe's open would wait for somebody who writes
	if err != nil {
		return withoutPath(err)
	}
	s.close = append(s.close, f.Close)
	st, err := f.Stat()
	if err != nil {
		return withoutPath(err)
	}
	if !st.Mode().IsRegular() {
		return errNoFile
	}
	s.raw, s.size = f, st.Size()
	if s.zip, err = zip.NewReader(f, s.size); err != nil {
		return fmt.Errorf("it is no zip: %w", withoutPath(err))
	}
	for _, name := range inner {
		if s.zip, err = s.nested(s.zip, name); err != nil {
			return err
		}
	}
	return nil
}

// splitPath cuts a path behind the file that is there, and the rest behind each zip.
func splitPath(name string) (file string, inner []string, err error) {
	if _, err := os.Stat(name); err == nil {
		return name, nil, nil
	}
	for dir, rest := filepath.Dir(name), filepath.Base(name); dir != "." && dir != "/"; dir, rest = filepath.Dir(dir), path.Join(filepath.Base(dir), rest) {
		st, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if st.IsDir() {
			break
		}
		for rest != "" {
			i := strings.Index(strings.ToLower(rest)+"/", ".zip/")
			if i < 0 {
				return "", nil, fmt.Errorf("%s holds no module %s", dir, rest)
			}
			inner = append(inner, rest[:i+4])
			rest = strings.TrimPrefix(rest[i+4:], "/")
		}
		return dir, inner, nil
	}
	return "", nil, errors.New("no such file or directory")
}

var errNoFile = errors.New("it is no regular file")

func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (s *Source) openDir(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return withoutPath(err)
	}
	s.close = append(s.close, root.Close)
	s.Dir, s.Files = abs, root.FS()
	data, err := readFile(s.Files, "manifest", maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return s.noManifest()
	}
	if err != nil {
		return fmt.Errorf("reading its manifest: %w", withoutPath(err))
	}
	return s.parse(data)
}

// noManifest says that there is no manifest at the top, and where one is.
func (s *Source) noManifest() error {
	deeper, _ := fs.Glob(s.Files, "*/manifest")
	if len(deeper) > 0 {
		return fmt.Errorf("it has no manifest at its top; there is one at %s: give that directory, or a zip of what is in it", deeper[0])
	}
	return errors.New("it has no manifest at its top, and so is no module")
}

func (s *Source) parse(data []byte) (err error) {
	if s.Manifest, err = Parse(data); err != nil {
		return cause.Fail(cause.Usage, "", "module %s: %w", s.Name, err)
	}
	return nil
}

func readFile(files fs.FS, name string, limit int64) ([]byte, error) {
	st, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, err
}

// openZip checks all of a zip before anything of it is used.
func (s *Source) openZip() error {
	zips, found, err := checkZip(s.zip)
	if err != nil {
		return err
	}
	s.Files = s.zip
	switch {
	case found == nil && len(zips) > 0:
		hint := "run its modules one by one, as " + s.Name + "/" + zips[0]
		if s.Name != s.file {
			hint = "fetch it, and run its modules one by one, as " + path.Base(s.file) + "/" + zips[0]
		}
		return cause.Fail(cause.Refused, hint, "module %s is a zip of zips (%s), which is a pipeline or an archive of modules", s.Name, strings.Join(zips, ", "))
	case found == nil:
		return s.noManifest()
	case found.UncompressedSize64 > maxManifest:
		return fmt.Errorf("its manifest is larger than %d bytes", maxManifest)
	}
	r, err := found.Open()
	if err != nil {
		return fmt.Errorf("reading its manifest: %w", err)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil || len(data) > maxManifest {
		return fmt.Errorf("reading its manifest: %w", errors.Join(err, errors.New("it is not what the zip says")))
	}
	return s.parse(data)
}

// checkZip refuses a zip that could not be unpacked safely. It gives the zips at its top, and the manifest.
func checkZip(z *zip.Reader) (zips []string, manifest *zip.File, err error) {
	if len(z.File) > maxEntries {
		return nil, nil, fmt.Errorf("it has %d entries, more than %d", len(z.File), maxEntries)
	}
	total, seen, dirs := uint64(0), map[string]bool{}, map[string]bool{}
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		switch {
		case strings.Contains(f.Name, `\`) || !fs.ValidPath(name) || name == ".":
			return nil, nil, fmt.Errorf("its entry %q leads out of it", f.Name)
		case f.Mode()&fs.ModeSymlink != 0:
			return nil, nil, fmt.Errorf("its entry %q is a link, which could lead out of it", f.Name)
		case f.Mode()&fs.ModeType&^fs.ModeDir != 0:
			return nil, nil, fmt.Errorf("its entry %q is neither a file nor a directory", f.Name)
		case seen[name] && !f.FileInfo().IsDir():
			if name == "manifest" {
				return nil, nil, errors.New("it has two manifests")
			}
			return nil, nil, fmt.Errorf("its entry %q is there twice", f.Name)
		case f.Flags&1 != 0:
			return nil, nil, fmt.Errorf("its entry %q is encrypted", f.Name)
		case strings.Count(name, "/") >= maxDeep:
			return nil, nil, fmt.Errorf("its entry %q lies more than %d directories deep", cut(f.Name), maxDeep)
		}
		if !f.FileInfo().IsDir() {
			seen[name] = true
			name = path.Dir(name)
		}
		for dir := name; dir != "." && !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
		name = strings.TrimSuffix(f.Name, "/")
		if total += f.UncompressedSize64; total > maxBytes || f.UncompressedSize64 > maxBytes {
			return nil, nil, fmt.Errorf("it unpacks to more than %d GiB", maxBytes>>30)
		}
		switch {
		case f.FileInfo().IsDir():
		case name == "manifest":
			manifest = f
		case !strings.Contains(name, "/") && strings.EqualFold(path.Ext(name), ".zip"):
			zips = append(zips, name)
		}
	}
	for name := range seen {
		if dirs[name] {
			return nil, nil, fmt.Errorf("its entry %q is a file and a directory", name)
		}
	}
	slices.Sort(zips)
	return zips, manifest, nil
}

// nested opens a zip in a zip, in a file of its own: a zip is read from its end.
func (s *Source) nested(z *zip.Reader, name string) (*zip.Reader, error) {
	if _, _, err := checkZip(z); err != nil {
		return nil, err
	}
	r, err := z.Open(name)
	if err != nil {
		return nil, fmt.Errorf("it holds no %s", name)
	}
	defer func() { _ = r.Close() }()
	tmp, err := os.CreateTemp("", "ferry-module-*.zip")
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, tmp.Close)
	if err := os.Remove(tmp.Name()); err != nil { // it stays while it is open, and nothing of it stays where ferry is killed
		return nil, err
	}
	n, err := io.Copy(tmp, io.LimitReader(r, maxBytes+1))
	if err == nil && n > maxBytes {
		err = fmt.Errorf("%s unpacks to more than %d GiB", name, maxBytes>>30)
	}
	if err != nil {
		return nil, err
	}
	inner, err := zip.NewReader(tmp, n)
	if err != nil {
		return nil, fmt.Errorf("%s is no zip: %w", name, err)
	}
	s.raw, s.size = tmp, n
	return inner, nil
}

// Hash writes all of the zip into a hash.
func (s *Source) Hash(h io.Writer) error {
	_, err := io.Copy(h, io.NewSectionReader(s.raw, 0, s.size))
	return err
}

// Unpack writes the files of a zip below a directory, which must be there and empty. Files that may be run stay so. What a zip says of
// its sizes is not believed. Its errors have a cause.
func (s *Source) Unpack(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return cause.Fail(cause.Usage, "", "unpacking %s: %w", s.Name, err)
	}
	defer func() { _ = root.Close() }()
	left := int64(maxBytes)
	for _, f := range s.zip.File {
		if err := unpackOne(root, f, &left); err != nil {
			return cause.Name(context.Background(), cause.Usage, "", fmt.Errorf("unpacking %s: %s: %w", s.Name, f.Name, withoutPath(err)))
		}
	}
	return nil
}

func unpackOne(root *os.Root, f *zip.File, left *int64) error {
	name := strings.TrimSuffix(f.Name, "/")
	if f.FileInfo().IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if f.Mode()&0o111 != 0 {
		mode = 0o755
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	w, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(w, io.LimitReader(r, *left+1))
	if *left -= n; err == nil && *left < 0 {
		err = fmt.Errorf("the zip unpacks to more than %d GiB", maxBytes>>30)
	}
	return errors.Join(err, w.Close())
}
