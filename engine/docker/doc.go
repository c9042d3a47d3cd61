// Package docker runs modules through the Docker Engine API. An engine that speaks the same API under another name, such as
// Podman, is a New with that name.
//
// No other package imports Docker's client library, so a move to the library's successor changes this package alone.
package docker
