// Package wire is HTTP as a transfer needs it: connections that move many objects and notice silence, the body of an upload
// whose file may fail, the stream of a download that is taken up again where it broke, and the error of a request.
//
// It knows no store's protocol. A store builds and signs its requests by itself, sends them through a Transport, and has them
// retried by a retry.Loop.
package wire
