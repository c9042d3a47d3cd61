package engine

import (
	"context"
	"errors"
	"io"
)

// ErrVolume is the error of a path that its image declares as a volume: no image can hold its content.
var ErrVolume = errors.New("lies in a volume")

// Images makes, finds and pushes images. All methods are safe for concurrent use.
type Images interface {
	// Find describes an image that is present, by reference or ID. It asks no registry. ErrNoImage.
	Find(ctx context.Context, ref string) (Image, error)
	// Resolve asks ref's registry for the digest of its manifest, "sha256:…". ErrNoImage, ErrDenied, ErrUnavailable.
	Resolve(ctx context.Context, ref string, login Login) (string, error)
	// Draft makes a container of the image that never runs.
	Draft(ctx context.Context, name string, image Image, labels map[string]string) (Draft, error)
	// Push sends an image to its registry, and tries again what may pass. progress may be nil. ErrDenied, ErrUnavailable.
	Push(ctx context.Context, ref string, login Login, progress func(Progress)) (Pushed, error)
	// RemoveImage takes a reference off its image, and removes the image where that was its last. ErrNoImage.
	RemoveImage(ctx context.Context, ref string) error
	// Builder makes images faster than a Draft does. It is nil where the engine cannot do that, which may depend on how the
	// engine keeps images.
	Builder(ctx context.Context) Builder
}

// A Builder makes images without copying files into a container first. Its methods are safe for concurrent use.
type Builder interface {
	// Build makes the image ref: base, one layer more, and base's configuration with the labels added. It returns the image's ID.
	Build(ctx context.Context, ref string, base Image, labels map[string]string, layer Layer) (string, error)
	// Adopt makes the image ref of a container that was made from base, as the container is. The image has base's configuration
	// with the labels added. It returns the image's ID.
	Adopt(ctx context.Context, ref, container string, base Image, labels map[string]string) (string, error)
}

// A Draft is an image in the making: a container that never runs, whose files can be written and read.
type Draft interface {
	Copier
	// Commit makes the image ref: the image that the Draft was made from, one layer with what was copied in, and the first
	// image's configuration with the labels added. It returns the new image's ID.
	Commit(ctx context.Context, ref string, labels map[string]string) (string, error)
	// Volumes are the paths whose content Commit leaves out.
	Volumes() []string
	// Remove removes the container, not the image. A container that is gone is no error.
	Remove(ctx context.Context) error
}

// A Change is a path at which a container's file system differs from its image's.
type Change struct {
	Path string
	Kind ChangeKind
}

// A ChangeKind says how a path differs.
type ChangeKind int

// The kinds of Change. A directory also counts as modified where only something in it is.
const (
	Modified ChangeKind = iota
	Added
	Deleted
)

// A Described says what a container is, whoever made it.
type Described struct {
	ID      string
	Image   Image // what it was made from; its Ref is the one given when it was made
	Labels  map[string]string
	Mounts  []string // where something is mounted in it
	Running bool
}

// Progress is how far a push is.
type Progress struct {
	Layer   string // short name of a layer, "" for the push as a whole
	Status  string // in the engine's words
	Current int64  // bytes of the layer that are sent
	Total   int64  // bytes of the layer; 0 where that is not known yet
	Try     int    // from 1
}

// Pushed is what a registry has after a push.
type Pushed struct {
	Digest string // the manifest's, "sha256:…"
	Bytes  int64  // what was sent of layers, before compression
	Tries  int
}

// A Layer is what an image gets besides its base: a tar stream whose size is known before.
type Layer struct {
	Size  int64 // bytes
	Write func(io.Writer) error
}
