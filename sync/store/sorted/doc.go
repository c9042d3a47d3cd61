// Package sorted puts the listing of a store that gives its keys in no order into the order of keys. Memory is bounded: what does not
// fit waits in a temporary file.
package sorted
