// Package store says what ferry needs of something that holds objects, and parses the URLs that name them.
// Implementations live in folders below and pass the conformance suite storetest.
package store

import "errors"

// Errors that implementations wrap.
var (
	ErrNotExist    = errors.New("no such object")
	ErrNoBucket    = errors.New("no such bucket")
	ErrDenied      = errors.New("access denied")
	ErrCredentials = errors.New("no usable credentials")
	ErrUnreachable = errors.New("store cannot be reached")
)

// A Store holds objects under keys.
type Store interface{}
