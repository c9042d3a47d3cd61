package engine

import (
	"errors"

	"github.com/genepattern/ferry/cause"
)

// Errors that implementations wrap. Callers find them by errors.Is. Each knows its cause, except for ErrNoContainer.
var (
	// ErrUnavailable: no engine answers, or it went away.
	ErrUnavailable = cause.New(cause.Engine, "", "no engine answers")
	// ErrNoImage: the engine does not have the image, and neither has its registry.
	ErrNoImage = cause.New(cause.Image, "is the image's name right, and its registry reachable from the engine?", "image not found")
	// ErrDenied: the registry refused the login.
	ErrDenied = cause.New(cause.Image, "the registry wants a login with that right: what `docker login` left, or --registry with --registry-user and --registry-password-file", "not allowed to pull")
	// ErrBusy: the registry lets this node pull or push no more for now, and went on doing so for as long as it is waited for.
	ErrBusy = cause.New(cause.Interrupted, "try again later; a login raises what Docker Hub allows, and a mirror or a registry of one's own has no such limit", "registry lets this node pull or push no more for now")
	// ErrDisk: the engine's own disk is full.
	ErrDisk = cause.New(cause.Disk, "give the engine's disk more space, or remove images that nobody needs", "the engine's disk is full")
	// ErrPlatform: the registry has the image, and not for this node's processor.
	ErrPlatform = cause.New(cause.Launch, "use an image that is made for this node, or a node that the image is made for", "image is not made for this node")
	// ErrLaunch: the engine could not run the container's command.
	ErrLaunch = cause.New(cause.Launch, "", "container cannot start")
	// ErrNoContainer: the container does not exist any more, or never did.
	ErrNoContainer = cause.New(cause.None, "", "no such container")
)

// Unreachable makes the error of an engine that did not answer. It wraps ErrUnavailable and err. hint says what the reader can do
// about it with this kind of engine.
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
