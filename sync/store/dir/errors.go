package dir

import (
	"errors"
	"io/fs"
	"strconv"
	"syscall"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/internal/tree"
	"github.com/genepattern/ferry/sync/store"
)

// hints say what a user of a directory can do, by package store's errors.
var hints = map[error]string{
	store.ErrNoBucket: "is the path right, and the file system mounted where ferry runs?",
	store.ErrDenied:   "may the user that ferry runs as read and write there?",
}

// A failure is an error of the file system, as one of package store's errors.
type failure struct {
	text string
	kind error // one of package store's errors; nil where none says it
	err  error
}

var _ cause.Hinted = (*failure)(nil)

func (f *failure) Error() string { return f.text }

// Unwrap gives both the kind and the cause to errors.Is and errors.As.
func (f *failure) Unwrap() []error {
	if f.kind == nil {
		return []error{f.err}
	}
	return []error{f.kind, f.err}
}

// Hint implements cause.Hinted.
func (f *failure) Hint() string { return hints[f.kind] }

// missing is the error of a directory that does not exist. It is store.ErrNoBucket, and also store.ErrNotExist, because a Put makes
// the directory.
type missing string

var _ cause.Hinted = missing("")

func (m missing) Error() string { return "there is no directory " + strconv.Quote(string(m)) }
func (m missing) Is(target error) bool {
	return target == store.ErrNoBucket || target == store.ErrNotExist
}

// Hint implements cause.Hinted.
func (m missing) Hint() string { return hints[store.ErrNoBucket] }

// wrap adds to err what was being done, and which of package store's errors it is.
func (s *Store) wrap(doing, key string, err error) error {
	f := &failure{kind: kindOf(err), err: tree.Pathless(err)}
	f.text = doing + " " + strconv.Quote(s.URL(key)) + ": "
	if f.kind != nil {
		f.text += f.kind.Error() + ": "
	}
	f.text += f.err.Error()
	return f
}

// hinted adds the hint that goes with err, and nothing to its text.
func hinted(err error) error {
	if kind := kindOf(err); kind == store.ErrDenied {
		return &failure{text: err.Error(), kind: kind, err: err}
	}
	return err
}

func kindOf(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return store.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		return store.ErrDenied
	}
	return nil
}
