package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// This file has an interface for each ability that only some engines have, and below each the function that finds it. No other file
// asserts an engine's type, and a test checks that: an engine that wraps another would lose what is asserted elsewhere.

// A Locator is an Engine that may be on another machine.
type Locator interface {
	// Local reports whether the engine is on this machine, and can mount this machine's directories. It sends nothing.
	Local() bool
}

// IsLocal reports whether the engine is on this machine. An engine that is no Locator is.
func IsLocal(e Engine) bool {
	l, ok := e.(Locator)
	return !ok || l.Local()
}

// A SelfFinder is an Engine whose containers ferry itself may run in.
type SelfFinder interface {
	// Self describes the container that this process runs in. It is nil on a host. ErrNoContainer where the engine does not know
	// that container, ErrUnavailable.
	Self(ctx context.Context) (*Self, error)
}

// SelfOf describes ferry's own container as the engine sees it. It is nil on a host, and where the engine is no SelfFinder.
// ErrNoContainer where ferry runs in a container that the engine does not know, ErrUnavailable.
func SelfOf(ctx context.Context, e Engine) (*Self, error) {
	if s, ok := e.(SelfFinder); ok {
		return s.Self(ctx)
	}
	return nil, nil
}

// A Signaler is a Container whose processes can be sent a signal.
type Signaler interface {
	// Signal sends a signal to the module's processes, where it runs. Nothing waits for what comes of it.
	Signal(s syscall.Signal)
}

// SignalerOf gives the container's Signaler; false where it has none.
func SignalerOf(c Container) (Signaler, bool) {
	s, ok := c.(Signaler)
	return s, ok
}

// A Copier is a Container whose files can be written before it starts and read after it has ended. It is for engines that cannot
// mount this node's directories.
type Copier interface {
	// CopyIn unpacks a tar stream at the absolute directory dir, which must exist.
	CopyIn(ctx context.Context, dir string, tar io.Reader) error
	// CopyOut streams the tree at path as a tar; the caller closes it.
	CopyOut(ctx context.Context, path string) (io.ReadCloser, error)
	// Lstat is the mode of what is at path. It does not follow a link there. fs.ErrNotExist where nothing is.
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

// A Sweeper is an Engine that makes containers for itself, which a killed ferry leaves behind.
type Sweeper interface {
	// Sweep removes such containers where they are certainly not in use, and says how many. It is safe beside other ferries.
	Sweep(ctx context.Context) (int, error)
}

// Sweep removes what an engine left for itself; nothing where it is no Sweeper.
func Sweep(ctx context.Context, e Engine) (int, error) {
	if s, ok := e.(Sweeper); ok {
		return s.Sweep(ctx)
	}
	return 0, nil
}

// An Inspector is an Engine that can describe a container that somebody else made.
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

// ErrProbe is the error of a program that failed in the container, as one does that is not static.
var ErrProbe = errors.New("ferry itself failed in a container")

// A Prober is an Engine that can run ferry itself where a module would run.
type Prober interface {
	// Probe runs this very program with the arguments in a container on the network, as an ordinary user without rights, and returns
	// what it prints. The network is made where it is missing. ErrProbe.
	Probe(ctx context.Context, network string, args ...string) (string, error)
}

// ProberOf gives the engine's Prober; false where it has none.
func ProberOf(e Engine) (Prober, bool) {
	p, ok := e.(Prober)
	return p, ok
}

// ImageFiles are Images that are files of this node or of a shared disk. They are not pushed: a file is where it is to be.
type ImageFiles interface {
	// File is the file that a name stands for; false where the name is none of a file.
	File(name string) (string, bool)
	// Place is the file of an image that has a repository and a tag in place of a name.
	Place(repository, tag string) string
}

// ImageFilesOf gives the files that images are; false where they are in an engine.
func ImageFilesOf(i Images) (ImageFiles, bool) {
	f, ok := i.(ImageFiles)
	return f, ok
}

// A Finding is what an engine found out about this node.
type Finding struct {
	Name   string // a word or two
	OK     bool
	Detail string
	Hint   string // what to do where it is not OK
}

// An Examiner is an Engine that can say more about this node than whether it answers.
type Examiner interface {
	// Examine looks at what modules will have here. It changes nothing.
	Examine(ctx context.Context) []Finding
}

// Examine asks the engine about this node; nothing where it is no Examiner.
func Examine(ctx context.Context, e Engine) []Finding {
	if x, ok := e.(Examiner); ok {
		return x.Examine(ctx)
	}
	return nil
}
