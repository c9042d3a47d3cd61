// Package commit freezes what a module needs into an image: the module's base image with its code and libraries copied
// in, committed and pushed to a registry, so that the same version runs the same way without staging them. It speaks to
// a container engine through an interface of its own; logins and ECR are the packages below it. It knows nothing of
// stores or transfers.
package commit

import (
	"context"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
)

// An Images is what freezing needs of a container engine. Its methods are safe for concurrent use.
type Images interface {
	// Image makes ref present, as engine.Engine says.
	Image(ctx context.Context, ref string, login engine.Login) (engine.Image, error)
	// Find describes an image by reference or ID if it is present. engine.ErrNoImage.
	Find(ctx context.Context, ref string) (engine.Image, error)
	// Resolve asks ref's registry for its digest. engine.ErrNoImage, engine.ErrDenied.
	Resolve(ctx context.Context, ref string, login engine.Login) (string, error)
	// Draft makes a container of the image that never runs.
	Draft(ctx context.Context, name string, image engine.Image, labels map[string]string) (engine.Draft, error)
	// Push sends an image to its registry, and retries what may pass. progress may be nil. engine.ErrDenied.
	Push(ctx context.Context, ref string, login engine.Login, progress func(engine.Progress)) (engine.Pushed, error)
	// RemoveImage takes a reference off its image. engine.ErrNoImage.
	RemoveImage(ctx context.Context, ref string) error
}

// A Builder is an Images that takes a layer as a stream, which is as quick as committing a container and saves copying
// into one. Not every engine of a kind can, depending on how it keeps images.
type Builder interface {
	// Builds says whether this one can.
	Builds(ctx context.Context) bool
	// Build makes an image of base, one layer more, and base's configuration with the labels added.
	Build(ctx context.Context, ref string, base engine.Image, labels map[string]string, layer engine.Layer) (string, error)
	// Adopt makes an image of a container made from base as it is, with base's configuration and the labels added.
	Adopt(ctx context.Context, ref, container string, base engine.Image, labels map[string]string) (string, error)
}

// A Containers is what Freezer needs of an engine besides, to freeze a container that somebody made and to clean up
// after a ferry that was killed.
type Containers interface {
	Describe(ctx context.Context, id string) (engine.Described, error)
	Changes(ctx context.Context, id string) ([]engine.Change, error)
	Attach(ctx context.Context, id string) (engine.Container, error)
	List(ctx context.Context, labels map[string]string) ([]engine.Found, error)
}

// A Home is the account's own registry, where images without a host in their names go.
type Home interface {
	// Home is its host.
	Home(ctx context.Context) (string, error)
	// Owns says whether repositories at host are Ensure's to make.
	Owns(host string) bool
	// Ensure makes a repository unless it is there, and says whether it did.
	Ensure(ctx context.Context, host, repository string) (bool, error)
}

// A Freezer freezes. Its fields are set before its methods are called, which are safe for concurrent use.
type Freezer struct {
	Images     Images
	Containers Containers
	Home       Home         // nil where there is none
	Login      engine.Login // nil for anonymous
	Version    string       // ferry's own
	Progress   func(engine.Progress)
	Log        func(format string, args ...any) // what a person wants to know; may be nil
}

// Module names a module version.
type Module struct{ Name, LSID string }

// A Request says what is to be frozen under which name.
type Request struct {
	Name   string       // NAME: a repository of the account's own, Auto, or a full reference; see docs/freeze.md
	Image  engine.Image // what the module ran from, be it a frozen image
	Module Module
	Job    string
	Dirs   []copytree.Dir // what is copied in
	Local  bool           // commit only: no registry is asked anything

	adopt  string // a container that is to be the image as it is
	stream bool   // Dirs come from a container, and are not to be read twice
}

// Outcomes of Frozen.
const (
	OutcomePushed    = "pushed"
	OutcomeCommitted = "committed" // not pushed, as asked
	OutcomeExists    = "exists"    // the name is taken and was left alone
	OutcomeFailed    = "failed"
)

// Frozen is what became of a freeze, for run.json.
type Frozen struct {
	Name          string  `json:"name"`                // as asked for
	Reference     string  `json:"reference,omitempty"` // what it became
	Outcome       string  `json:"outcome"`
	Digest        string  `json:"digest,omitempty"` // in the registry
	ID            string  `json:"id,omitempty"`     // in the engine
	Base          string  `json:"base,omitempty"`
	BaseDigest    string  `json:"base_digest,omitempty"`
	Size          int64   `json:"size_bytes,omitempty"`   // of the image, unpacked
	Sent          int64   `json:"pushed_bytes,omitempty"` // of layers the registry did not have
	Tries         int     `json:"push_tries,omitempty"`
	CommitSeconds float64 `json:"commit_seconds,omitempty"`
	PushSeconds   float64 `json:"push_seconds,omitempty"`
	Error         string  `json:"error,omitempty"`
}

func (f *Freezer) log(format string, args ...any) {
	if f.Log != nil {
		f.Log(format, args...)
	}
}

// seconds since start, to the millisecond.
func seconds(start time.Time) float64 { return time.Since(start).Round(time.Millisecond).Seconds() }
