package engine

import (
	"context"
	"io"
	"io/fs"
)

// An engine's abilities that not every engine has are the interfaces of this file, and each is found by the function below
// it. No other file asserts an engine's type, which a test checks: an engine that wraps another would lose what is asserted
// somewhere else.

// A Locator is an Engine that may be on another machine.
type Locator interface {
	// Local says that the engine is this machine's, so that it can mount this machine's directories. It contacts nobody.
	Local() bool
}

// IsLocal says that the engine is this machine's. One that does not say is.
func IsLocal(e Engine) bool {
	l, ok := e.(Locator)
	return !ok || l.Local()
}

// A SelfFinder is an Engine whose containers ferry itself may run in.
type SelfFinder interface {
	// Self describes the container this process runs in; nil on a host. ErrNoContainer where this process runs in a
	// container that the engine does not know, ErrUnavailable.
	Self(ctx context.Context) (*Self, error)
}

// SelfOf describes ferry's own container as the engine sees it. It is nil on a host, and where the engine has no such idea.
// ErrNoContainer where ferry runs in a container that the engine does not know, ErrUnavailable.
func SelfOf(ctx context.Context, e Engine) (*Self, error) {
	if s, ok := e.(SelfFinder); ok {
		return s.Self(ctx)
	}
	return nil, nil
}

// A Copier is a Container whose file system can be written before it starts and read after it ended, for engines that
// cannot mount this node's directories.
type Copier interface {
	// CopyIn unpacks a tar stream at the absolute directory dir, which must exist.
	CopyIn(ctx context.Context, dir string, tar io.Reader) error
	// CopyOut streams the tree at path as a tar; the caller closes it.
	CopyOut(ctx context.Context, path string) (io.ReadCloser, error)
	// Lstat says what is at path, not following a link at its end. fs.ErrNotExist where nothing is.
	Lstat(ctx context.Context, path string) (fs.FileMode, error)
}

// CopierOf gives the container's Copier; false where its files cannot be copied.
func CopierOf(c Container) (Copier, bool) {
	copier, ok := c.(Copier)
	return copier, ok
}

// An ImageMaker is an Engine that makes images and pushes them.
type ImageMaker interface {
	Images() Images
}

// ImagesOf gives what the engine makes images with; false where it makes none.
func ImagesOf(e Engine) (Images, bool) {
	if m, ok := e.(ImageMaker); ok {
		return m.Images(), true
	}
	return nil, false
}

// An Inspector is an Engine that can tell what a container is that somebody else made.
type Inspector interface {
	// Describe says what a container is, by name or ID. ErrNoContainer.
	Describe(ctx context.Context, id string) (Described, error)
	// Changes says where a container's files differ from its image's.
	Changes(ctx context.Context, id string) ([]Change, error)
}

// InspectorOf gives the engine's Inspector; false where it has none.
func InspectorOf(e Engine) (Inspector, bool) {
	i, ok := e.(Inspector)
	return i, ok
}
