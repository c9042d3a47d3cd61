package commit

import (
	"context"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/copytree"
)

// A Home is the account's own registry. An image goes there whose name has no registry. Its methods are safe for concurrent use.
type Home interface {
	// Home is the registry's host.
	Home(ctx context.Context) (string, error)
	// Owns reports whether Ensure can make repositories at host.
	Owns(host string) bool
	// Ensure makes a repository unless it exists. It reports whether it made one.
	Ensure(ctx context.Context, host, repository string) (bool, error)
}

// A Freezer makes frozen images, and finds them. New makes a Freezer. Its fields are set before its methods are called. The methods
// are safe for concurrent use.
type Freezer struct {
	Engine     engine.Engine
	Images     engine.Images    // the engine's
	Containers engine.Inspector // the engine's, for the method Container; nil where the engine has none
	Home       Home             // nil where there is none
	Login      engine.Login     // nil for anonymous
	Version    string           // ferry's own
	Progress   func(engine.Progress)
	Log        func(format string, args ...any) // gets messages for people; may be nil
}

// New makes a Freezer on an engine. It is false where the engine makes no images.
func New(e engine.Engine) (*Freezer, bool) {
	images, ok := engine.ImagesOf(e)
	if !ok {
		return nil, false
	}
	f := &Freezer{Engine: e, Images: images}
	f.Containers, _ = engine.InspectorOf(e)
	return f, true
}

// Module names a module version.
type Module struct{ Name, LSID string }

// A Request says what is to be frozen under which name.
type Request struct {
	Name   string       // NAME: a repository of the account's own, Auto, or a full reference; see docs/freeze.md
	Image  engine.Image // what the module ran from; it may be a frozen image
	Module Module
	Job    string
	Dirs   []copytree.Dir // what is copied in
	Local  bool           // commit only: no registry is asked anything

	adopt  adopter // makes the image of the container as it is; nil where that is not the image asked for
	stream bool    // Dirs come from a container, and can be read once only
}

// An adopter makes the image ref of a container made from base, with the labels added, and returns the image's ID.
type adopter func(ctx context.Context, ref string, base engine.Image, labels map[string]string) (string, error)

// Outcomes of Frozen.
const (
	OutcomePushed    = "pushed"
	OutcomeCommitted = "committed" // not pushed, as asked
	OutcomeExists    = "exists"    // an image of that name exists, and stays as it is
	OutcomeFailed    = "failed"
)

// Frozen is what became of a freeze. run.json has it.
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
	// Changed are the first paths that the job changed in what was frozen as it was before.
	Changed []string `json:"changed,omitempty"`
}

func (f *Freezer) log(format string, args ...any) {
	if f.Log != nil {
		f.Log(format, args...)
	}
}

// seconds since start, to the millisecond.
func seconds(start time.Time) float64 { return time.Since(start).Round(time.Millisecond).Seconds() }
