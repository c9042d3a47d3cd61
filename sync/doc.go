// Package sync moves trees of files between a directory and a store: it decides what must move (plan) and moves it
// (transfer). It follows `aws s3 sync` in what is compared and filtered, and adds what a job needs: verified, atomic,
// faithful copies. It knows nothing of jobs or containers. Import it as ferrysync, its name being the standard
// library's.
//
// A transfer is one call. Its downloads or uploads decide about each file and queue it for workers. A worker moves one
// download as incoming, with helpers where it is big, or one upload as outgoing.
package sync
