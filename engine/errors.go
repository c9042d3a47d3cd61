package engine

import (
	"errors"

	"github.com/genepattern/ferry/cause"
)

// Errors that implementations wrap, so that callers can tell them apart by errors.Is. Each knows what it means for a job.
var (
	// ErrUnavailable is no engine, or one that went away.
	ErrUnavailable = cause.New(cause.Engine, "", "no engine answers")
	// ErrNoImage is an image that is not here, and that its registry does not have.
	ErrNoImage = cause.New(cause.Image, "is the image's name right, and its registry reachable from the engine?", "image not found")
	// ErrDenied is a registry that refused the login.
	ErrDenied = cause.New(cause.Image, "the registry wants a login with that right: what `docker login` left, or --registry-user and --registry-password-file", "not allowed to pull")
	// ErrLaunch is a container that the engine took, but whose command it could not run.
	ErrLaunch = cause.New(cause.Launch, "", "container cannot start")
	// ErrNoContainer is one that was removed.
	ErrNoContainer = cause.New(cause.None, "", "no such container")
)

// Unreachable makes the error of an engine that did not answer: it is ErrUnavailable and err, and hint is what the reader
// can do about it with this kind of engine.
func Unreachable(hint string, err error) error {
	return &unreachable{hint, errors.Join(ErrUnavailable, err)}
}

// An unreachable error knows what to do.
type unreachable struct {
	hint string
	err  error
}

var _ cause.Hinted = (*unreachable)(nil)

func (u *unreachable) Error() string { return u.err.Error() }
func (u *unreachable) Unwrap() error { return u.err }
func (u *unreachable) Hint() string  { return u.hint }
