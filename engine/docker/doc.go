// Package docker runs modules through the Docker Engine API. It is the only package that imports Docker's client
// library, so that moving to its successor is a change here alone: an engine that speaks the same API under another name,
// such as Podman, is a New with that name.
package docker
