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

// Errors that implementations wrap. Callers find them by errors.Is.
var (
	ErrNotExist    = errors.New("no such object")
	ErrNoBucket    = errors.New("no such bucket")
	ErrDenied      = errors.New("access denied")
	ErrCredentials = errors.New("no usable credentials")
	ErrRegion      = errors.New("bucket is in another region")
	ErrUnreachable = errors.New("store cannot be reached")
	ErrOutage      = errors.New("store answers nobody") // besides ErrUnreachable: no other request would fare better
	ErrChanged     = errors.New("object changed while it was read")
	ErrArchived    = errors.New("object is archived, restore it first")
	ErrOrder       = errors.New("listing is not in the order of keys")
)

// A Store holds objects under keys. A key is a UTF-8 string of at most 1024 bytes. All methods are safe for concurrent use.
//
// An implementation sends a failed request again by itself, through a retry.Loop; callers never do. It counts its requests in the
// Counter of the context. What a store cannot do, as its Kind tells, fails with errors.ErrUnsupported. An error about which the
// reader can do something is cause.Hinted.
type Store interface {
	// URL is the object's URL for messages; for "" it is the store's.
	URL(key string) string
	// List yields the objects whose keys begin with prefix, in ascending byte order of their keys. An error ends the listing.
	// Memory is bounded, whatever the number of objects.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Open begins to read an object, by one request. ErrNotExist where there is no object of that key, even if other keys begin
	// with it as with a directory's name. ErrChanged where the object's tag is not o.ETag.
	Open(ctx context.Context, key string, o OpenOptions) (*Reader, error)
	// Put stores the body under key. The body is verified on its way, and no reader ever sees a part of it. Idempotent. Where the
	// body cannot be read, or ends before its Size, the error is a *BodyError.
	Put(ctx context.Context, key string, b Body, o PutOptions) (Object, error)
	// Delete removes the keys. A key that is not there is no error. A *DeleteError says which were not removed.
	Delete(ctx context.Context, keys []string) error
}

// An Object is what a listing tells.
type Object struct {
	Key     string
	Size    int64
	ModTime time.Time
	// Archived says that the object cannot be read before somebody restores it, as far as a listing tells.
	Archived bool
	// ETag is opaque. Equal tags of one key mean the same content. It is "" where the store has none.
	ETag string
}

// OpenOptions of Open.
type OpenOptions struct {
	// ETag is the tag that the object must still have; "" for any.
	ETag string
	// Off and Len are the wanted range, in bytes. Len 0 is up to the end. The range must lie in the object.
	Off, Len int64
}

// A Reader is an object being read, by one goroutine. It may be closed before its end.
//
// The store resumes a stream that breaks, so an error of Read is final. It is ErrChanged where the object was replaced meanwhile, and
// io.ErrUnexpectedEOF where the object stays short. Size is in bytes. It is -1 where the answer did not tell it, as behind some
// proxies; io.EOF is the object's end even then.
type Reader struct {
	io.ReadCloser
	Object
	Meta Meta
	// Sum is the checksum of the whole object, where the store has one, even if a range is read. The caller verifies it.
	Sum checksum.Sum
	// Parts is known where the store has no Sum but one of the sums of the parts. Its PartSize is not 0 then.
	Parts checksum.Composite
	// PartSizes, unless nil, finds the sizes of all parts by a request for each. It is nil where Parts has them.
	PartSizes func() []int64
	// Likely is what a tag may be: an MD5, where the store has neither. A tag that two reads agree not to be their MD5 is none.
	Likely checksum.Sum
	// Unknown names an algorithm whose sum the store has and nobody here can compute; "" for none.
	Unknown string
	Extra   Extra
	// Steady, unless nil, is to be called after the last byte was read, by this Reader or others of the same tag. ErrChanged means that the
	// bytes may be a mixture.
	Steady func() error
}

// Extra is what only some stores tell of an object.
type Extra struct {
	// Given says that Sum is the caller's own word of the content, and not the store's.
	Given bool
	// Whole says that the store gives no part of this object, so that one stream is all there is.
	Whole bool
	// Name is the file name that the store gives the object beside its key; "" for none. It may hold anything.
	Name string
}

// Meta is user metadata: names in lower case, without a store's prefix.
type Meta map[string]string

// A Body is what Put stores: Bytes, or Size bytes of At.
type Body struct {
	Bytes []byte
	At    io.ReaderAt // nil for Bytes
	Size  int64
}

// Len is the body's length in bytes.
func (b Body) Len() int64 {
	if b.At == nil {
		return int64(len(b.Bytes))
	}
	return b.Size
}

// PutOptions of Put.
type PutOptions struct {
	Meta Meta
	// ContentType is the type of the content, such as "text/html"; "" where nobody knows. A store that keeps none passes over it.
	ContentType string
	// Parallel is how many requests a large body may use at once; 0 is one.
	Parallel int
	// Slot, unless nil, is asked for leave before each of them, which returns once the part may go. release is called when it has gone.
	Slot func(context.Context) (release func(), err error)
	// Sent is told how many bytes were sent, as they are sent. It is called concurrently. It may be nil.
	Sent func(n int64)
}

// A BodyError says why a body could not be read. It is no failure of the store.
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
