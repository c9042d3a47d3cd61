// Package tartree writes a directory tree as a tar stream, and extracts such a stream into a directory that nothing in it can
// leave. It keeps modes, times, owners, symbolic links and hard links. Memory holds some buffers and the names of hard-linked
// files only.
package tartree
