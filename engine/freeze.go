package engine

import (
	"context"
	"errors"
	"io"
)

// ErrVolume is a path of which no image can hold the content, because the image it lies in declares it as a volume.
var ErrVolume = errors.New("lies in a volume")

// Images is what an engine has to make images, and to look for them and push them. Its methods are safe for concurrent use.
type Images interface {
	// Find describes an image by reference or ID if it is present, and asks no registry. ErrNoImage.
	Find(ctx context.Context, ref string) (Image, error)
	// Resolve asks ref's registry for the digest of its manifest, "sha256:…". ErrNoImage, ErrDenied, ErrUnavailable.
	Resolve(ctx context.Context, ref string, login Login) (string, error)
	// Draft makes a container of the image that never runs.
	Draft(ctx context.Context, name string, image Image, labels map[string]string) (Draft, error)
	// Push sends an image to its registry, and retries what may pass. progress may be nil. ErrDenied, ErrUnavailable.
	Push(ctx context.Context, ref string, login Login, progress func(Progress)) (Pushed, error)
	// RemoveImage takes a reference off its image, and removes the image where that was its last. ErrNoImage.
	RemoveImage(ctx context.Context, ref string) error
	// Builder makes images in a way that is quicker than a Draft. It is nil where the engine cannot, which may depend on
	// how it keeps images.
	Builder(ctx context.Context) Builder
}

// A Builder takes a layer as a stream, which is as quick as committing a container and saves copying into one.
type Builder interface {
	// Build makes an image of base, one layer more, and base's configuration with the labels added. It returns its ID.
	Build(ctx context.Context, ref string, base Image, labels map[string]string, layer Layer) (string, error)
	// Adopt makes an image of a container made from base as it is, with base's configuration and the labels added. It
	// returns its ID.
	Adopt(ctx context.Context, ref, container string, base Image, labels map[string]string) (string, error)
}

// A Draft is a container that never runs: an image in the making. Like a Copier's, its files can be written and read.
type Draft interface {
	Copier
	// Commit makes an image of the Draft under ref: the image it was made from, one layer with what was copied in, and that
	// image's own configuration with the labels added. It returns the new image's ID.
	Commit(ctx context.Context, ref string, labels map[string]string) (string, error)
	// Volumes are the paths whose content Commit leaves out.
	Volumes() []string
	// Remove removes the container, not the image. Removing one that is gone is no error.
	Remove(ctx context.Context) error
}

// A Change is a path at which a container's file system differs from its image's.
type Change struct {
	Path string
	Kind ChangeKind
}

// A ChangeKind says how a path differs.
type ChangeKind int

// The kinds of Change. A directory is modified also where only something in it is.
const (
	Modified ChangeKind = iota
	Added
	Deleted
)

// A Described is a container as it is, whoever made it.
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

// A Layer is what an image gets besides its base: a tar stream, of which the size must be known before.
type Layer struct {
	Size  int64 // bytes
	Write func(io.Writer) error
}
