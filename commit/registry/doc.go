// Package registry finds the login for an image registry. Each login is looked up right before it is used. None is written to
// disk or kept after its use.
package registry
