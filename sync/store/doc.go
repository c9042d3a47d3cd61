// Package store says what ferry needs of something that holds objects, and parses the URLs that name them.
//
// Each folder below that has a Kind is an implementation. Package stores lists them, and each passes the conformance suite
// storetest. What several of them need is in package retry (which request is sent again, and when) and in package wire (HTTP).
package store
