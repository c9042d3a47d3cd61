// Package sync copies trees of files between a directory and a store. It decides what must move (plan.go), and moves it
// (transfer.go). It compares and filters as `aws s3 sync` does. Its copies are verified, appear at once and whole, and keep
// modes and times. It knows nothing of jobs or containers.
//
// Import it as ferrysync, because the standard library has a package of the same name.
//
// A transfer is one call. It decides about each file and queues the file for its workers. A worker moves one file at a time:
// a download is an incoming, with helpers where the file is large, and an upload is an outgoing.
package sync
