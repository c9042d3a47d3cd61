package wrapper

import (
	"context"
	"io"
	"os"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// An Opener gives the store that a URL names, and the key prefix in it without slashes at its ends. It does not
// contact the store. Its errors' cause is cause.Usage.
type Opener func(ctx context.Context, url string) (store.Store, string, error)

// A Stager stages in what a job's description does not list but something in its metadata dir does, such as a
// GenePattern server's sync script. It is called once the metadata dir is there and beside the ordinary stage in of
// what the description lists. Errors carry their Cause; a nil Stager stages nothing.
type Stager interface {
	StageIn(ctx context.Context, s Site) (ferrysync.Stats, error)
}

// A Site is where an attempt stands on this node, for a Stager.
type Site struct {
	Job      Job
	Root     *os.Root // the attempt's root: the job's /a/b is a/b in it
	Transfer *ferrysync.Engine
	Open     Opener
	// Staged returns once the ordinary stage in has ended of every directory of the description that overlaps the job's
	// path p. key is the key prefix that p was fetched from, "" where no such directory holds p. It may be nil.
	Staged func(ctx context.Context, p string) (key string, err error)
	Space  *ferrysync.Space      // the room for downloads, which the ordinary stage in shares
	Event  func(ferrysync.Event) // for the transfer log
	Log    io.Writer             // the transfer log: lines for people
	Warn   func(format string, args ...any)
}
