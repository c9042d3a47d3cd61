// Package dir is a store in a directory: a shared file system, a laptop, a test. A key is a path below it, and an object
// a file. Of the metadata it keeps what a file has itself, permissions and time of change; and as a path is either a
// file or a directory, it cannot hold both "a" and "a/b".
package dir
