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
	"github.com/genepattern/ferry/wrapper/record"
)

// Deps are what a job is run with.
type Deps struct {
	Engine   engine.Engine
	Transfer *ferrysync.Engine
	Open     Opener
	Reopen   Reopener     // nil where results that other jobs left are not sent
	Stager   Stager       // nil for none
	Login    engine.Login // nil for anonymous pulls
	Freezer  Freezer      // nil where the engine makes no images
	Log      zerolog.Logger
	Stdout   io.Writer // gets the module's output, and the plan of a dry run
	Stderr   io.Writer
	Version  string
	Launched func() // called once the module has started; may be nil
	// Node asks what this node is. It is asked beside the job, which does not wait for the answer. nil where nobody knows.
	Node func(context.Context) (record.Node, error)

	before   func(step string) // called before each step of the ending; nil but in tests, which panic in it
	patience *patience         // nil but in tests
}

// waits is how long results are waited for after the walltime.
func (d Deps) waits() patience {
	if d.patience != nil {
		return *d.patience
	}
	return usualPatience
}

// An Opener gives the store that a URL names, and the key prefix in it without slashes at its ends. It sends nothing to
// the store, and is safe for concurrent use. Its errors have the cause cause.Usage.
type Opener func(ctx context.Context, url string) (store.Store, string, error)

// A Freezer makes and finds images that hold a module and its libraries. *commit.Freezer is one.
type Freezer interface {
	// Freeze commits and pushes. Beside an error, the result says how far it came.
	Freeze(ctx context.Context, r commit.Request) (commit.Frozen, error)
	// Prefer finds the frozen image to run instead of ref. Where there is none, ok is false and why is the reason.
	Prefer(ctx context.Context, r commit.Request, ref string) (c commit.Choice, why string, ok bool)
	// Unpack copies directories of an image to this node.
	Unpack(ctx context.Context, image engine.Image, dirs []commit.Unpacked) error
}

var _ Freezer = (*commit.Freezer)(nil)

// A Stager stages in what something in the metadata dir asks for, such as a GenePattern server's sync script. The inputs
// that the job's description lists are not its affair: they are staged in at the same time. StageIn is called once, when
// the metadata dir is there. An error without a cause gets cause.StageIn. A nil Stager stages nothing.
type Stager interface {
	StageIn(ctx context.Context, w Workspace) (ferrysync.Stats, error)
}

// A Workspace is what a Stager works with. Its functions are safe for concurrent use.
type Workspace struct {
	Job      job.Job
	Root     *os.Root // the attempt's root: the job's /a/b is a/b in it
	Transfer *ferrysync.Engine
	Open     Opener
	// Staged returns once every input of the description that overlaps the job's path p is staged in. url is where p came
	// from, or "" where no input of the description holds p. Staged may be nil.
	Staged func(ctx context.Context, p string) (url string, err error)
	Space  *ferrysync.Space      // the room for downloads, which the ordinary stage in shares
	Event  func(ferrysync.Event) // for the transfer log
	Log    io.Writer             // the transfer log: lines for people
	Warn   func(format string, args ...any)
}
