// Package dir is a store in a directory, such as a shared file system. A key is a path below that directory, and an object is a
// file.
//
// A file has permissions and a modification time, and no other metadata is kept. A path is either a file or a directory, so
// the store cannot hold both "a" and "a/b".
package dir
