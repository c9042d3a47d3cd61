package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// Store is a directory. It is safe for concurrent use. All access is through an os.Root, so no symlink leads outside.
type Store struct {
	path string

	mu   sync.Mutex
	tree *tree.Tree // nil until it is needed
}

var _ store.Store = (*Store)(nil)

// New makes a Store of the directory at the absolute path. A missing directory is made by the first Put. It is an error if something
// else has that path.
func New(path string) (*Store, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s is no absolute path", strconv.Quote(path))
	}
	s := &Store{path: filepath.Clean(path)}
	info, err := os.Stat(s.path)
	if err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file where a directory must be", strconv.Quote(path))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening %s: %w", strconv.Quote(path), tree.Pathless(err))
	}
	return s, nil
}

// Close closes the directory. Nothing may be in use.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tree == nil {
		return nil
	}
	t := s.tree
	s.tree = nil
	t.Close()
	return t.Root().Close()
}

// open opens the directory, and makes it where create is set.
func (s *Store) open(create bool) (*tree.Tree, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tree != nil {
		return s.tree, nil
	}
	if create {
		if err := os.MkdirAll(s.path, 0o777); err != nil {
			return nil, s.wrap("making", "", err)
		}
	}
	r, err := os.OpenRoot(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(s.URL(""))
	}
	if err != nil {
		return nil, s.wrap("opening", "", err)
	}
	s.tree = tree.New(r)
	return s.tree, nil
}

// URL of a key.
func (s *Store) URL(key string) string {
	if key == "" {
		return "file://" + s.path
	}
	return "file://" + s.path + "/" + key
}

// List yields the files and empty directories whose paths begin with prefix.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		store.CounterOf(ctx).Requests.Add(1)
		t, err := s.open(false)
		if err != nil {
			yield(store.Object{}, err)
			return
		}
		under, _ := tree.Split(prefix)
		if under != "" && tree.CheckPath(under) != nil {
			return // no file can have such a key
		}
		for e := range t.Walk(ctx, tree.WalkOptions{Under: under}) {
			if !strings.HasPrefix(e.Path, prefix) {
				continue
			}
			if e.Err != nil && !errors.Is(e.Err, tree.ErrRefused) {
				yield(store.Object{}, fmt.Errorf("listing %s: %w", strconv.Quote(s.URL(prefix)), e.Err))
				return
			}
			// What a walk refuses is listed all the same. Reading it then fails by name.
			if !yield(store.Object{Key: e.Path, Size: e.Size, ModTime: e.ModTime, ETag: tagOf(e.Size, e.ModTime, e.Change)}, nil) {
				return
			}
		}
		if ctx.Err() != nil {
			yield(store.Object{}, context.Cause(ctx))
		}
	}
}

// tagOf changes whenever the content does, because the inode's time changes with the content.
func tagOf(size int64, mod, change time.Time) string {
	return fmt.Sprintf(`"%x-%x-%x"`, size, mod.UnixNano(), change.UnixNano())
}

func tagOfInfo(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return tagOf(info.Size(), info.ModTime(), time.Unix(st.Ctim.Sec, st.Ctim.Nsec))
}

// Open begins to read a file.
func (s *Store) Open(ctx context.Context, key string, o store.OpenOptions) (*store.Reader, error) {
	store.CounterOf(ctx).Requests.Add(1)
	t, err := s.open(false)
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(key, "/")
	f, err := t.Root().OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not block it
	if err != nil {
		return nil, s.wrap("reading", key, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = isObject(f, info, path != key)
	}
	if err != nil {
		f.Close()
		return nil, s.wrap("reading", key, err)
	}
	r := &store.Reader{Meta: store.FileMeta(info.Mode(), info.ModTime())}
	r.Object = store.Object{Key: key, Size: info.Size(), ModTime: info.ModTime()}
	r.ETag = tagOfInfo(info)
	r.Steady = func() error {
		if now, err := f.Stat(); err != nil || tagOfInfo(now) != tagOfInfo(info) {
			return s.wrap("reading", key, store.ErrChanged)
		}
		return nil
	}
	if info.IsDir() {
		r.Size = 0
	}
	if o.ETag != "" && o.ETag != r.ETag || o.Off+o.Len > r.Size {
		f.Close()
		return nil, s.wrap("reading", key, store.ErrChanged)
	}
	n := o.Len
	if n == 0 {
		n = r.Size - o.Off
	}
	r.ReadCloser = &reader{ctx: ctx, Reader: io.NewSectionReader(f, o.Off, n), f: f, left: n,
		short: s.wrap("reading", key, store.ErrChanged)}
	return r, nil
}

// isObject is fs.ErrNotExist where f is no object. An object is a file, or for a key with a slash at its end an empty directory. The
// name of any other directory is only a prefix of other keys.
func isObject(f *os.File, info fs.FileInfo, slash bool) error {
	switch {
	case info.Mode().IsRegular() && !slash:
		return nil
	case !info.IsDir() || !slash:
		return fs.ErrNotExist
	}
	empty, err := tree.Empty(f)
	if err == nil && !empty {
		err = fs.ErrNotExist
	}
	return err
}

// A reader reads a file.
type reader struct {
	io.Reader
	ctx   context.Context
	f     *os.File
	left  int64
	short error // of a file that ends early: somebody cut it after it was opened
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.Reader.Read(p)
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 {
		err = r.short
	}
	return n, err
}

func (r *reader) Close() error { return r.f.Close() }

// Put writes a file. The file appears once it is whole.
func (s *Store) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) (store.Object, error) {
	store.CounterOf(ctx).Requests.Add(1)
	t, err := s.open(true)
	if err != nil {
		return store.Object{}, err
	}
	if err := tree.CheckPath(key); err != nil {
		return store.Object{}, fmt.Errorf("writing %s: %w", strconv.Quote(s.URL(key)), err)
	}
	put := store.Object{Key: key, Size: b.Len(), ModTime: time.Now()}
	a := tree.Attributes{ModTime: put.ModTime}
	if m, ok := o.Meta.ModTime(); ok {
		a.ModTime = m
	}
	a.Perm, a.HasPerm = o.Meta.Perm()
	if path, isDir := strings.CutSuffix(key, "/"); isDir {
		if b.Len() > 0 {
			return put, fmt.Errorf("writing %s: a directory has no content", strconv.Quote(s.URL(key)))
		}
		return put, hinted(t.MakeDir(path, a.Perm, a.ModTime))
	}
	f, err := t.Create(key, a.HasPerm)
	if err != nil {
		return put, hinted(err)
	}
	if err := copyBody(ctx, f, b, o.Sent); err != nil {
		f.Abort()
		return put, err
	}
	return put, f.Commit(a)
}

func copyBody(ctx context.Context, w io.Writer, b store.Body, sent func(int64)) error {
	var buf [128 << 10]byte
	r := b.Reader()
	for left := b.Len(); left > 0; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf[:])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			left -= int64(n)
			if sent != nil {
				sent(int64(n))
			}
		}
		if err == io.EOF && left > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			return &store.BodyError{Err: err}
		}
	}
	return nil
}

// Delete removes files, and directories that are empty.
func (s *Store) Delete(ctx context.Context, keys []string) error {
	store.CounterOf(ctx).Requests.Add(1)
	t, err := s.open(false)
	if err != nil {
		return err
	}
	failed := map[string]error{}
	for _, k := range keys {
		err := t.Root().Remove(strings.TrimSuffix(k, "/"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			failed[k] = s.wrap("deleting", k, err)
		}
	}
	if len(failed) > 0 {
		return &store.DeleteError{Keys: failed}
	}
	return nil
}
