// Package execsh writes the script that runs one command in a module's container. Every argument arrives at the command as it
// is, in bash, dash and busybox's sh alike. The script redirects the command's streams, and keeps its exit code in a file as a
// GenePattern server's script does.
//
// The package is a leaf: it gives text, and leaves it to its caller where that is kept.
package execsh
