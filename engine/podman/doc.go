// Package podman is the engine that runs a module in a container of Podman, rootful or rootless. Podman's service speaks the Docker Engine API,
// so package docker does the work; here is where Podman differs: where its socket is.
package podman
