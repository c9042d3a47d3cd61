package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/genepattern/ferry/sync/store/checksum"
)

// Errors that implementations wrap, so that callers can tell causes apart by errors.Is.
var (
	ErrNotExist    = errors.New("no such object")
	ErrNoBucket    = errors.New("no such bucket")
	ErrDenied      = errors.New("access denied")
	ErrCredentials = errors.New("no usable credentials")
	ErrRegion      = errors.New("bucket is in another region")
	ErrUnreachable = errors.New("store cannot be reached")
	ErrChanged     = errors.New("object changed while it was read")
	ErrOrder       = errors.New("listing is not in the order of keys")
)

// A Store holds objects under keys, which are UTF-8 strings of at most 1024 bytes. All methods are safe for
// concurrent use. An implementation retries by itself, by a retry.Loop, what is worth it; callers never retry a request.
// What is sent and received is counted in the Counter of the context, where there is one. What a store cannot do by its
// nature, as its Kind tells, is errors.ErrUnsupported. Errors that the reader can do something about are cause.Hinted.
type Store interface {
	// URL names the object, or the store itself for "", in messages.
	URL(key string) string
	// List yields the objects whose keys begin with prefix, in ascending byte order of their keys. An error ends it.
	// Memory is bounded whatever their number.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Open begins to read an object, by one request. ErrNotExist where there is none, also where the key is what other keys
	// begin with, as a directory's name is; ErrChanged where it is not o.ETag.
	Open(ctx context.Context, key string, o OpenOptions) (*Reader, error)
	// Put makes key hold the body, which is verified on its way; no reader ever sees a part of it. It is idempotent.
	// Where the body itself cannot be read, or ends before its Size, the error is a *BodyError.
	Put(ctx context.Context, key string, b Body, o PutOptions) (Object, error)
	// Delete removes the keys, those that are not there being no error. It says which were not removed by a
	// *DeleteError.
	Delete(ctx context.Context, keys []string) error
}

// An Object is what a listing tells.
type Object struct {
	Key     string
	Size    int64
	ModTime time.Time
	// ETag is opaque: equal tags of one key mean the same content. "" where the store has none.
	ETag string
}

// OpenOptions of Open.
type OpenOptions struct {
	// ETag, unless "", is what the object must still have.
	ETag string
	// Off and Len are the range wanted, in bytes; Len 0 is up to the end. The range must lie in the object.
	Off, Len int64
}

// A Reader is an object being read. It may be closed before its end. A stream that breaks is resumed by the store;
// Read's error is final: ErrChanged where the object was replaced meanwhile, io.ErrUnexpectedEOF where it stays short.
// Size is -1 where the answer did not tell it, as behind some proxies; then io.EOF is the object's end all the same.
type Reader struct {
	io.ReadCloser
	Object
	Meta Meta
	// Sum is the checksum of the whole object where the store has one, also for a range. The caller verifies.
	Sum checksum.Sum
}

// Meta is user metadata: names in lower case, without a store's prefix.
type Meta map[string]string

// A Body is what is put: Bytes, or Size bytes of At.
type Body struct {
	Bytes []byte
	At    io.ReaderAt // nil for Bytes
	Size  int64
}

// Len is the number of bytes.
func (b Body) Len() int64 {
	if b.At == nil {
		return int64(len(b.Bytes))
	}
	return b.Size
}

// PutOptions of Put.
type PutOptions struct {
	Meta Meta
	// Parallel is how many requests a large body may use at once; 0 is one.
	Parallel int
	// Sent, unless nil, is told of bytes as they leave. It is called concurrently.
	Sent func(n int64)
}

// A BodyError is why a body could not be read. It says nothing of the store.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return "reading what is sent: " + e.Err.Error() }

// Unwrap is for errors.Is and errors.As.
func (e *BodyError) Unwrap() error { return e.Err }

// A DeleteError says which keys were not removed, and why.
type DeleteError struct {
	Keys map[string]error
}

func (e *DeleteError) Error() string {
	for k, err := range e.Keys {
		if len(e.Keys) == 1 {
			return "deleting " + quote(k) + ": " + err.Error()
		}
		return "deleting " + quote(k) + " and others: " + err.Error()
	}
	return "deleting"
}

// Reader reads the body from its beginning.
func (b Body) Reader() io.ReadSeeker {
	if b.At == nil {
		return bytes.NewReader(b.Bytes)
	}
	return io.NewSectionReader(b.At, 0, b.Size)
}
