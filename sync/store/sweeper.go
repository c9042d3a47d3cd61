package store

import (
	"context"
	"iter"
	"time"
)

// A Sweeper is a Store that keeps parts of objects whose upload never ended.
type Sweeper interface {
	// Unfinished yields the uploads of keys that begin with prefix. An error ends them.
	Unfinished(ctx context.Context, prefix string) iter.Seq2[Unfinished, error]
	// Abandon removes what was sent of one. One that ended meanwhile is ErrNotExist.
	Abandon(ctx context.Context, u Unfinished) error
}

// A SelfSweeper is a Sweeper that removes what killed processes left wherever it writes. Nobody else needs to look after each transfer.
type SelfSweeper interface {
	Sweeper
	SweepsItself()
}

// An Unfinished upload.
type Unfinished struct {
	Key, ID     string
	Begun, Last time.Time // Last is when a part came last
	Bytes       int64
}
