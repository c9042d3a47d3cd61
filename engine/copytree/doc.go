// Package copytree copies directories into a container that does not run yet, and out of one that has ended. It serves engines
// that cannot mount this node's directories, and images that are being made. The tar format is package tartree's.
package copytree
