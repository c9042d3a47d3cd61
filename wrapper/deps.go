package wrapper

import (
	"context"
	"io"
	"os"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// Deps are what a job is run with.
type Deps struct {
	Engine   engine.Engine
	Transfer *ferrysync.Engine
	Open     Opener
	Stager   Stager       // nil for none
	Login    engine.Login // nil for anonymous pulls
	Freezer  Freezer      // nil where the engine makes no images
	Log      zerolog.Logger
	Stdout   io.Writer // gets the module's output, and the plan of a dry run
	Stderr   io.Writer
	Version  string

	before func(step string) // called before each step of the ending; nil but in tests, which panic in it
}

// An Opener gives the store that a URL names, and the key prefix in it without slashes at its ends. It does not
// contact the store. Its errors' cause is cause.Usage.
type Opener func(ctx context.Context, url string) (store.Store, string, error)

// A Freezer makes and finds images that hold a module and its libraries. *commit.Freezer is one.
type Freezer interface {
	// Freeze commits and pushes. The result says how far it came also beside an error.
	Freeze(ctx context.Context, r commit.Request) (commit.Frozen, error)
	// Prefer finds the frozen image to run instead of ref; where there is none, why.
	Prefer(ctx context.Context, r commit.Request, ref string) (c commit.Choice, why string, ok bool)
	// Unpack brings directories of an image to where they are on this node.
	Unpack(ctx context.Context, image engine.Image, dirs []commit.Unpacked) error
}

var _ Freezer = (*commit.Freezer)(nil)

// A Stager stages in what a job's description does not list but something in its metadata dir does, such as a
// GenePattern server's sync script. It is called once the metadata dir is there and beside the ordinary stage in of
// what the description lists. Errors carry their cause; a nil Stager stages nothing.
type Stager interface {
	StageIn(ctx context.Context, w Workspace) (ferrysync.Stats, error)
}

// A Workspace is where a Stager puts what it brings, and with what.
type Workspace struct {
	Job      job.Job
	Root     *os.Root // the attempt's root: the job's /a/b is a/b in it
	Transfer *ferrysync.Engine
	Open     Opener
	// Staged returns once the ordinary stage in has ended of everything in the description that overlaps the job's path p.
	// url is where p was fetched from, "" where nothing in the description holds p. It may be nil.
	Staged func(ctx context.Context, p string) (url string, err error)
	Space  *ferrysync.Space      // the room for downloads, which the ordinary stage in shares
	Event  func(ferrysync.Event) // for the transfer log
	Log    io.Writer             // the transfer log: lines for people
	Warn   func(format string, args ...any)
}
