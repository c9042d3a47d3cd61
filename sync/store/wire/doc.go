// Package wire is HTTP as a transfer needs it. It has connections that carry many requests and notice silence, upload bodies
// whose file may fail, downloads that resume where they broke, and the error of a request.
//
// It knows no store's protocol. A store builds and signs its requests, sends them through a Transport, and leaves retries to a
// retry.Loop.
package wire
