// Package tartree carries trees of files as tar streams: out of a directory, and into one that nothing in the stream can
// leave. It keeps modes, times, owners, symbolic and hard links, and holds no more than some buffers and the names of
// hard-linked files in memory.
package tartree
