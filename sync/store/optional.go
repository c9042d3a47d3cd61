package store

import (
	"context"
	"io"
)

// What only some stores can do. The transfer engine asks for it, and goes another way where a store lacks it.

// A Copier copies objects without their bytes passing here.
type Copier interface {
	// CopyFrom stores under key what o is, an object of from as a listing or Stat told it. ErrChanged where it is another one by now.
	// errors.ErrUnsupported where the store cannot reach from: then somebody else must carry the bytes.
	CopyFrom(ctx context.Context, from Store, o Object, key string, c CopyOptions) (Object, error)
}

// CopyOptions of CopyFrom.
type CopyOptions struct {
	// Parallel is how many requests a large object may use at once; 0 is one.
	Parallel int
	// Slot is as in PutOptions.
	Slot func(context.Context) (release func(), err error)
	// Sent is told how many bytes are copied, as they are copied. It is called concurrently. It may be nil.
	Sent func(n int64)
}

// A Streamer stores what has no size yet.
type Streamer interface {
	// PutStream stores all of r under key. It reads r once, so what r gave is kept until it is stored. expected is the size that the
	// caller expects, in bytes; 0 where there is no telling. An error of r ends it, and nothing is stored.
	PutStream(ctx context.Context, key string, r io.Reader, expected int64, o PutOptions) (Object, error)
}

// A Stater tells about one object without reading it.
type Stater interface {
	// Stat is ErrNotExist where there is no such object.
	Stat(ctx context.Context, key string) (Object, error)
}

// A Limited store allows so many requests at once. 0 is no limit.
type Limited interface{ MaxRequests() int }
