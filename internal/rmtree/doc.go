// Package rmtree removes trees that a module has made. Such a tree may be deeper than a process may have descriptors, and than any
// path can be long: os.RemoveAll gives up on it, and takes the descriptors that others need until it does.
package rmtree
