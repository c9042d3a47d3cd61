package sync

import (
	"errors"
	"maps"
	"sync/atomic"

	"github.com/genepattern/ferry/sync/internal/tree"
)

// Errors that callers tell apart with errors.Is. Disk full is syscall.ENOSPC or EDQUOT in the chain, as the system
// gave it; the store's own errors are in package store.
var (
	// ErrRefused is a key or path that policy refuses: it would leave the destination, or clashes with another.
	ErrRefused = tree.ErrRefused
	// ErrStopped is in the error of an Event whose file is not moved because the transfer ended before: its context did, or
	// something happened that no other file could pass, such as a full disk.
	ErrStopped = errors.New("transfer stopped")
)

// An Engine transfers. One engine has one adaptive pool of connections, so a process uses one; all its methods are
// safe for concurrent use and share that pool.
type Engine struct{ lim *limiter }

// Config of an Engine. The zero value is good.
type Config struct {
	// MaxTransfers bounds the concurrent requests; 0 is the engine's own choice.
	MaxTransfers int
}

// New makes an Engine.
func New(c Config) *Engine { return &Engine{lim: newLimiter(c.MaxTransfers)} }

// Options of one transfer.
type Options struct {
	Filters         []Filter // in order; the last that matches wins, as in the AWS CLI
	Delete          bool
	DryRun          bool
	ExactTimestamps bool
	SizeOnly        bool
	NoFollow        bool // do not follow symlinks
	Preserve        bool // keep permissions, times and empty directories in the object metadata
	Manner          Manner
	// Since makes Up send what is new or changed since the snapshot, and not list the destination.
	Since *Snapshot
	// Links, unless nil, says where the links may lead that lead out of the tree. They are stored as what they show.
	Links *Links
	// Live says that files may be written while Up sends them, as logs are: each is sent as it was.
	Live bool
	// Space, unless nil, is the room that Down may fill.
	Space *Space
	// Budget, unless nil, is what Up may send. A file that does not fit has failed, and is named.
	Budget *Budget
	// Event is called for each file moved, skipped, deleted, refused or failed; it must be quick and safe for concurrent
	// use. A failure that stops the whole transfer, such as a full disk, is what the transfer returns and no Event; the
	// files that were planned and are not moved for it have one each, with ErrStopped.
	Event func(Event)
	// Progress, unless nil, is kept up to date while the transfer runs.
	Progress *Progress
}

// Links and Place say what links mean to whoever made them.
type (
	Links = tree.Links
	Place = tree.Place
)

// A Filter is one --exclude or --include.
type Filter struct {
	Include bool
	Pattern string
}

// An Event is something that happened to one file.
type Event struct {
	Op   Op
	Key  string // the object's key, whole; of a copy the new one
	From string // of a copy: the key it is copied from
	Path string // relative to the local tree
	Size int64
	Err  error  // for a failure or a refusal
	Why  string // what decided it, such as "not there" or "size differs"
	Dry  bool   // it was not done, Options.DryRun being set
}

// An Op is what happened in an Event.
type Op string

// The operations of an Event.
const (
	OpDownload Op = "download"
	OpUpload   Op = "upload"
	OpCopy     Op = "copy"
	OpDelete   Op = "delete"
	OpSkip     Op = "skip"
	OpRefuse   Op = "refuse"
	OpFail     Op = "fail"
	OpWarn     Op = "warn" // Err says what
)

// Progress is what a transfer has before it and behind it. It may be read at any time.
type Progress struct {
	Files, Bytes         atomic.Int64 // planned so far
	DoneFiles, DoneBytes atomic.Int64
	Complete             atomic.Bool // nothing more will be planned
}

// Stats counts what a transfer did.
type Stats struct {
	Files    int64 `json:"files"`
	Bytes    int64 `json:"bytes"`
	Skipped  int64 `json:"skipped"` // unchanged
	Deleted  int64 `json:"deleted"`
	Refused  int64 `json:"refused"` // by policy, each with an Event
	Failed   int64 `json:"failed"`
	Warned   int64 `json:"warned,omitempty"`  // left out with a warning, as Manner says; each with an Event
	Dropped  int64 `json:"dropped,omitempty"` // planned, but the transfer was stopped before; each with an Event
	Listed   int64 `json:"listed"`            // objects or files seen at the source
	Requests int64 `json:"requests"`
	Retries  int64 `json:"retries"`
	// Verified counts the files that came by how they were verified: by an algorithm's name, that with " of parts", "etag" for a tag that is
	// an MD5, or "unverified", where the store had nothing for it.
	Verified map[string]int64 `json:"verified,omitempty"`
	// CutShort says that the transfer was stopped before all there is was looked at: what else should have moved has no
	// Event and is in no count.
	CutShort bool `json:"cut_short,omitempty"`
}

// Add adds what another transfer did.
func (s *Stats) Add(o Stats) {
	s.Files += o.Files
	s.Bytes += o.Bytes
	s.Skipped += o.Skipped
	s.Deleted += o.Deleted
	s.Refused += o.Refused
	s.Failed += o.Failed
	s.Listed += o.Listed
	s.Requests += o.Requests
	s.Retries += o.Retries
	s.Dropped += o.Dropped
	s.Warned += o.Warned
	s.CutShort = s.CutShort || o.CutShort
	if len(o.Verified) > 0 {
		sum := maps.Clone(s.Verified) // which others may hold
		if sum == nil {
			sum = map[string]int64{}
		}
		for how, n := range o.Verified {
			sum[how] += n
		}
		s.Verified = sum
	}
}
