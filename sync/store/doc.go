// Package store says what ferry needs of something that holds objects, and parses the URLs that name them.
//
// Each folder below that has a Kind is an implementation, which passes the conformance suite storetest; package stores is
// the registry of them. What any of them needs is in retry (what is sent again, and when) and wire (HTTP).
package store
