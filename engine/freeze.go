package engine

import (
	"context"
	"errors"
	"io"
)

// ErrVolume is a path of which no image can hold the content, because the image it lies in declares it as a volume.
var ErrVolume = errors.New("lies in a volume")

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
