// Package tree is a directory tree as a transfer sees it: walked in the order of keys, and written file by file so that
// each appears at once and whole. Everything is reached through one os.Root, so that no symlink leads outside of it.
package tree
