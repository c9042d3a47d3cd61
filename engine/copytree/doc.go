// Package copytree brings directories into a container that does not run yet, and out of one that has ended, for engines
// that cannot mount this node's directories and for images in the making.
package copytree
